//! USB storage that was ever connected, as the system's part of the registry remembers it.

use super::{Found, Key};
use crate::serial::meaningful;

/// One stick or disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stick {
    /// Maker, as the device says.
    pub vendor: String,
    /// Product, as the device or its driver says.
    pub model: String,
    /// Name of the instance, as Windows has it.
    pub instance: String,
    /// Serial; empty where Windows had to make one up.
    pub serial: String,
    /// When its key was last written, in Unix seconds.
    pub written: Option<i64>,
}

/// What stands below a `USBSTOR` key: a key per model, and below it one per device.
pub fn sticks<K: Key>(usbstor: &K) -> Found<Stick> {
    let mut found = Found::default();
    found.each(usbstor, "USBSTOR", |found, model, key, _| {
        let part = |begin: &str| {
            let part = model.split('&').find_map(|part| part.strip_prefix(begin));
            part.unwrap_or_default().replace('_', " ").trim().to_owned()
        };
        let (vendor, product) = (part("Ven_"), part("Prod_"));
        let place = format!("USBSTOR\\{model}");
        found.each(key, &place, |found, instance, key, values| {
            let friendly = values.text("FriendlyName");
            let friendly = friendly.trim_end_matches(" USB Device").trim();
            found.all.push(Stick {
                model: if product.is_empty() {
                    friendly.to_owned()
                } else {
                    product.clone()
                },
                vendor: vendor.clone(),
                instance: instance.to_owned(),
                serial: serial(instance).to_owned(),
                written: key.written(),
            });
        });
    });
    found
}

/// The serial in the name of an instance. One whose second character is `&` was made up by Windows for a device
/// that has none.
pub(super) fn serial(instance: &str) -> &str {
    if instance.chars().nth(1) == Some('&') {
        return "";
    }
    // The number of the unit stands behind the serial.
    let serial = instance.rsplit_once('&').map_or(instance, |(serial, _)| serial);
    meaningful(serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_serials_are_none() {
        assert_eq!(serial("4C530001240&0"), "4C530001240");
        assert_eq!(serial("6&1a2b3c4d&0"), "");
        assert_eq!(serial(""), "");
    }
}
