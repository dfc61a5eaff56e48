//! What a claim says beside its value: the other half of "this address is at that MAC", and the few
//! circumstances that cross-device rules weigh.

use serde::{Deserialize, Serialize};

use super::{Claim, Millis};

/// The note of a claim. Everything is optional: a claim says what its source knew.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimNote {
    /// Hardware address behind an address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// Address behind a hardware address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// `static` or `dhcp`, where known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Prefix length of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<u8>,
    /// Hardware address of the gateway there: tells two networks with the same addresses apart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway_mac: String,
    /// Which wireless network a gateway was seen in, as a fingerprint: a name may tell where a person was.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub network: String,
    /// The address is a gateway's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub router: bool,
    /// Class of a part: `memory`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Maker and model of a part, for people; the host name of a lease.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Slot of a part, or name of an interface.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// When an imported table was read, or a medium that is not plugged in was last there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Millis>,
}

impl ClaimNote {
    /// The note as a claim holds it.
    pub fn encode(&self) -> String {
        // A struct of texts and numbers always has a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The note of a stored claim; empty where another version wrote words that this one does not know.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

impl Claim {
    /// What it says beside its value.
    pub fn said(&self) -> ClaimNote {
        ClaimNote::parse(&self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_and_a_foreign_one_is_empty() {
        let note = ClaimNote {
            mac: "00:1a:2b:3c:4d:5e".into(),
            prefix: Some(24),
            router: true,
            ..ClaimNote::default()
        };
        assert_eq!(ClaimNote::parse(&note.encode()), note);
        assert_eq!(ClaimNote::default().encode(), "{}");
        assert_eq!(ClaimNote::parse("00:1a"), ClaimNote::default());
    }
}
