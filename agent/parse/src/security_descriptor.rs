//! Who may do what with a Windows object: self-relative security descriptors, as the system hands them out. Names
//! accounts by their SID; what an account is called, and who is to be trusted, is the caller's business.

/// Most entries of one list; the format allows no more bytes than fit these.
const MAX_ENTRIES: usize = 8_192;
/// Most numbers of a SID.
const MAX_SUBAUTHORITIES: usize = 15;
/// The list is protected from what the folder above grants.
const DACL_PROTECTED: u16 = 0x1000;
/// There is a list; without one everybody may do everything.
const DACL_PRESENT: u16 = 0x0004;
/// The descriptor is one block of bytes.
const SELF_RELATIVE: u16 = 0x8000;
/// The entry grants.
const ALLOWED: u8 = 0;
/// The entry grants, under a condition.
const ALLOWED_CALLBACK: u8 = 9;
/// The entry is only for what is made below.
const INHERIT_ONLY: u8 = 0x08;
/// Rights with which content, attributes, owner or rights of a file or folder can be changed.
const CHANGES: u32 = 0x5000_0000 | 0x000D_0000 | 0x0152;
/// Rights with which content can be read or a folder listed.
const READS: u32 = 0xB000_0000 | 0x0001;

/// SID of the system itself.
pub const SYSTEM: &str = "S-1-5-18";
/// SID of the local administrators.
pub const ADMINISTRATORS: &str = "S-1-5-32-544";
/// SID of whoever owns the object.
pub const OWNER_RIGHTS: &str = "S-1-3-4";
/// SID that stands for the maker of what is made below.
pub const CREATOR_OWNER: &str = "S-1-3-0";

/// What an entry grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// To whom.
    pub sid: String,
    /// Rights, as the object's kind defines them.
    pub mask: u32,
    /// Not for the object itself, only for what is made below.
    pub inherit_only: bool,
}

/// A security descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Owner; empty where the descriptor names none.
    pub owner: String,
    /// Nothing is inherited from above.
    pub protected: bool,
    /// What is granted; `None` where there is no list and everybody may do everything.
    pub grants: Option<Vec<Grant>>,
}

impl Descriptor {
    /// Accounts besides `trusted` that may change the file or folder; `*` stands for everybody.
    pub fn changed_by_others(&self, trusted: &[&str]) -> Option<&str> {
        self.granted_to_others(trusted, CHANGES)
    }

    /// Accounts besides `trusted` that may read the file or list the folder.
    pub fn read_by_others(&self, trusted: &[&str]) -> Option<&str> {
        self.granted_to_others(trusted, READS)
    }

    fn granted_to_others(&self, trusted: &[&str], rights: u32) -> Option<&str> {
        let Some(grants) = &self.grants else {
            return Some("*");
        };
        grants
            .iter()
            .filter(|grant| !grant.inherit_only && grant.mask & rights != 0)
            .map(|grant| grant.sid.as_str())
            .find(|sid| !trusted.contains(sid) && *sid != OWNER_RIGHTS)
    }
}

/// Reads a self-relative descriptor; `None` where the bytes are none.
pub fn parse(bytes: &[u8]) -> Option<Descriptor> {
    let control = u16_at(bytes, 2)?;
    if bytes.first() != Some(&1) || control & SELF_RELATIVE == 0 {
        return None;
    }
    let owner = match u32_at(bytes, 4)? {
        0 => String::new(),
        at => sid(bytes.get(at as usize..)?)?,
    };
    let list = u32_at(bytes, 16)? as usize;
    let grants = if control & DACL_PRESENT == 0 || list == 0 {
        None
    } else {
        Some(grants(bytes.get(list..)?)?)
    };
    Some(Descriptor {
        owner,
        protected: control & DACL_PROTECTED != 0,
        grants,
    })
}

/// A SID as people write it; `None` where the bytes are none.
pub fn sid(bytes: &[u8]) -> Option<String> {
    let count = usize::from(*bytes.get(1)?);
    if bytes.first() != Some(&1) || count > MAX_SUBAUTHORITIES {
        return None;
    }
    let authority = bytes
        .get(2..8)?
        .iter()
        .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text = format!("S-1-{authority}");
    for index in 0..count {
        let part = u32_at(bytes, 8 + index * 4)?;
        text.push_str(&format!("-{part}"));
    }
    Some(text)
}

fn grants(list: &[u8]) -> Option<Vec<Grant>> {
    let size = usize::from(u16_at(list, 2)?);
    let count = usize::from(u16_at(list, 4)?);
    let list = list.get(..size)?;
    let mut found = Vec::new();
    let mut at = 8;
    for _ in 0..count.min(MAX_ENTRIES) {
        let entry = list.get(at..)?;
        let (kind, flags) = (*entry.first()?, *entry.get(1)?);
        let length = usize::from(u16_at(entry, 2)?);
        // An entry that takes no room would be read for ever.
        if length < 8 {
            return None;
        }
        let entry = entry.get(..length)?;
        if kind == ALLOWED || kind == ALLOWED_CALLBACK {
            found.push(Grant {
                sid: sid(entry.get(8..)?)?,
                mask: u32_at(entry, 4)?,
                inherit_only: flags & INHERIT_ONLY != 0,
            });
        }
        at += length;
    }
    Some(found)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    two.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    four.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SYSTEM_BYTES: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    const USERS_BYTES: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0];

    /// A descriptor of the system's, with entries (kind, flags, mask, SID).
    fn made(control: u16, entries: &[(u8, u8, u32, &[u8])]) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, flags, mask, sid) in entries {
            list.extend([*kind, *flags]);
            list.extend((8 + sid.len() as u16).to_le_bytes());
            list.extend(mask.to_le_bytes());
            list.extend(*sid);
        }
        let mut bytes = vec![1, 0];
        bytes.extend((control | SELF_RELATIVE | DACL_PRESENT).to_le_bytes());
        for offset in [20u32, 0, 0, 32] {
            bytes.extend(offset.to_le_bytes());
        }
        bytes.extend(SYSTEM_BYTES);
        bytes.extend([2, 0]);
        bytes.extend((8 + list.len() as u16).to_le_bytes());
        bytes.extend((entries.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(list);
        bytes
    }

    #[test]
    fn owner_protection_and_grants_are_read() {
        let bytes = made(
            DACL_PROTECTED,
            &[(0, 3, 0x001F_01FF, &SYSTEM_BYTES), (1, 0, 2, &USERS_BYTES)],
        );
        let found = parse(&bytes).unwrap();
        assert_eq!((found.owner.as_str(), found.protected), (SYSTEM, true));
        // What is denied grants nothing.
        let grants = found.grants.as_ref().unwrap();
        assert_eq!(grants.len(), 1);
        assert_eq!((grants[0].sid.as_str(), grants[0].mask), (SYSTEM, 0x001F_01FF));
        assert_eq!(found.changed_by_others(&[SYSTEM]), None);
        assert_eq!(found.changed_by_others(&[]), Some(SYSTEM));
    }

    #[test]
    fn whoever_else_may_change_or_read_is_named() {
        let users = "S-1-5-32-545";
        // Write data, delete, take the rights, generic write: each alone is enough.
        for mask in [0x2, 0x0001_0000, 0x0004_0000, 0x4000_0000] {
            let found = parse(&made(0, &[(0, 0, mask, &USERS_BYTES)])).unwrap();
            assert_eq!(found.changed_by_others(&[SYSTEM]), Some(users), "{mask:x}");
        }
        let found = parse(&made(0, &[(0, 0, 0x0012_00A9, &USERS_BYTES)])).unwrap();
        assert_eq!(found.changed_by_others(&[SYSTEM]), None);
        assert_eq!(found.read_by_others(&[SYSTEM]), Some(users));
        // What is only handed down grants nothing here.
        let found = parse(&made(0, &[(0, INHERIT_ONLY, 0x001F_01FF, &USERS_BYTES)])).unwrap();
        assert_eq!(found.read_by_others(&[SYSTEM]), None);
    }

    #[test]
    fn no_list_means_everybody() {
        let mut bytes = made(0, &[]);
        bytes[16..20].copy_from_slice(&[0; 4]);
        assert_eq!(parse(&bytes).unwrap().changed_by_others(&[SYSTEM]), Some("*"));
    }

    #[test]
    fn an_entry_without_length_ends_the_reading() {
        let mut bytes = made(0, &[(0, 0, 2, &USERS_BYTES)]);
        bytes[42..44].copy_from_slice(&[0, 0]);
        assert_eq!(parse(&bytes), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse(&bytes);
            sid(&bytes);
        }

        #[test]
        fn every_cut_is_read_or_refused(cut in 0usize..80) {
            let bytes = made(DACL_PROTECTED, &[(0, 3, 2, &SYSTEM_BYTES), (0, 0, 1, &USERS_BYTES)]);
            let cut = cut.min(bytes.len());
            prop_assert_eq!(parse(&bytes[..cut]).is_some(), cut == bytes.len());
        }
    }
}
