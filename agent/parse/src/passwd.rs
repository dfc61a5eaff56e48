//! `etc/passwd`: who has a home folder. Passwords are not in it, and nothing else of it is read.

use crate::text;

/// Most accounts that are read.
const MAX_ACCOUNTS: usize = 10_000;

/// An account and its home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Account name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Home folder, absolute.
    pub home: String,
}

/// Accounts of people (uid 1000 to 59999) and of root, each with an absolute home.
pub fn parse_homes(bytes: &[u8]) -> Vec<Home> {
    text::lines(bytes)
        .take(MAX_ACCOUNTS)
        .filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b':');
            let name = fields.next()?;
            let uid: u32 = text::decode(fields.nth(1)?).parse().ok()?;
            let home = fields.nth(2)?;
            let person = uid == 0 || (1_000..60_000).contains(&uid);
            (person && !name.is_empty() && home.first() == Some(&b'/')).then(|| Home {
                name: text::decode(name).into_owned(),
                uid,
                home: text::decode(home).into_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_people_and_root_have_homes() {
        let found = parse_homes(
            "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/bin/false\n\
wang:x:1000:1000:王:/home/wang:/bin/bash\nnobody:x:65534:65534::/nonexistent:/bin/false\nbad\n\
odd:x:1001:1001::home:/bin/sh\n"
                .as_bytes(),
        );
        let names: Vec<_> = found
            .iter()
            .map(|h| (h.name.as_str(), h.uid, h.home.as_str()))
            .collect();
        assert_eq!(names, [("root", 0, "/root"), ("wang", 1000, "/home/wang")]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            parse_homes(&bytes);
        }
    }
}
