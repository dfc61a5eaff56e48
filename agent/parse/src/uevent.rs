//! Messages by which the kernel tells that a device came, went or changed: a heading, then texts of the form
//! `NAME=value`, each ending in a zero byte.

/// The subsystem of the device; `None` where the bytes are no such message.
pub fn subsystem(message: &[u8]) -> Option<&[u8]> {
    message
        .split(|byte| *byte == 0)
        .skip(1)
        .find_map(|field| field.strip_prefix(b"SUBSYSTEM="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_subsystem_is_found() {
        let message =
            b"add@/devices/virtual/block/loop9\0ACTION=add\0DEVPATH=/x\0SUBSYSTEM=block\0SEQNUM=1\0";
        assert_eq!(subsystem(message), Some(&b"block"[..]));
        assert_eq!(subsystem(b"SUBSYSTEM=block"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            subsystem(&bytes);
        }
    }
}
