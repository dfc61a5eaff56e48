//! Lists of files that a package owns, one path per line (`var/lib/dpkg/info/*.list`). Answers for a few
//! paths at a time, because an index of every file of a system would cost megabytes.

use std::collections::{HashMap, HashSet};

use crate::text;

/// Packages whose programs are called otherwise and run on most PCs.
const CALLED_OTHERWISE: [&str; 12] = [
    "bsdutils",
    "coreutils",
    "gnome-online-accounts",
    "gnome-settings-daemon",
    "login",
    "openssh-client",
    "openssh-server",
    "passwd",
    "procps",
    "udev",
    "util-linux",
    "xserver-xorg-core",
];
/// So many first letters in common make a package likely.
const LIKENESS: usize = 4;
/// Folders that say nothing about a package.
const COMMON: [&str; 6] = ["usr", "bin", "sbin", "lib", "libexec", "opt"];

/// Paths whose owner is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// How the names on the way to the paths begin.
    beginnings: HashSet<&'a [u8]>,
    /// Spelling on disk or in a list -> the path as asked.
    spellings: HashMap<Vec<u8>, &'a str>,
    lengths: Vec<bool>,
    paths: usize,
}

impl<'a> Wanted<'a> {
    /// Also under the spelling that packages used before `/bin` and `/lib` moved below `/usr`.
    pub fn add(&mut self, path: &'a str) {
        self.paths += 1;
        let names = path
            .split('/')
            .filter(|name| !name.is_empty() && !COMMON.contains(name));
        self.beginnings.extend(names.map(beginning));
        self.spell(path.as_bytes(), path);
        if let Some(old) = path.strip_prefix("/usr")
            && ["/bin/", "/sbin/", "/lib/", "/lib64/", "/lib32/"]
                .iter()
                .any(|folder| old.starts_with(folder))
        {
            self.spell(old.as_bytes(), path);
        }
    }

    /// How many paths are asked.
    pub fn len(&self) -> usize {
        self.paths
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    /// Whether a package is called like one of the paths, so that its list is worth reading first.
    pub fn is_likely(&self, package: &str) -> bool {
        self.beginnings.contains(beginning(package)) || CALLED_OTHERWISE.contains(&package)
    }

    /// The asked paths that a list names.
    pub fn found_in<'s>(&'s self, list: &'s [u8]) -> impl Iterator<Item = &'a str> + 's {
        text::lines(list).filter_map(|line| self.owned(line))
    }

    /// The asked path that is meant by this path of a package.
    pub fn owned(&self, path: &[u8]) -> Option<&'a str> {
        // Most paths are refused by their length alone, without hashing them.
        let possible = self.lengths.get(path.len()).copied().unwrap_or_default();
        possible.then(|| self.spellings.get(path).copied()).flatten()
    }

    fn spell(&mut self, spelling: &[u8], path: &'a str) {
        let length = spelling.len();
        if self.lengths.len() <= length {
            self.lengths.resize(length + 1, false);
        }
        if let Some(slot) = self.lengths.get_mut(length) {
            *slot = true;
        }
        self.spellings.insert(spelling.to_vec(), path);
    }
}

fn beginning(name: &str) -> &[u8] {
    let name = name.as_bytes();
    name.get(..LIKENESS).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_found_under_its_older_spelling_too() {
        let mut wanted = Wanted::default();
        wanted.add("/usr/bin/bash");
        wanted.add("/opt/qq/qq");
        let found: Vec<&str> = wanted
            .found_in(b"/.\n/bin\n/bin/bash\n/opt/qq/qq-helper\n")
            .collect();
        assert_eq!(found, ["/usr/bin/bash"]);
    }

    #[test]
    fn a_package_that_is_called_like_a_program_or_its_folder_is_likely() {
        let mut wanted = Wanted::default();
        wanted.add("/usr/lib/systemd/systemd-journald");
        wanted.add("/usr/bin/python3.11");
        for package in ["systemd", "python3.11-minimal", "coreutils"] {
            assert!(wanted.is_likely(package), "{package}");
        }
        for package in ["libc6", "usrmerge", "", "pyqt"] {
            assert!(!wanted.is_likely(package), "{package}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), path in "\\PC{0,20}") {
            let mut wanted = Wanted::default();
            wanted.add(&path);
            wanted.found_in(&bytes).count();
        }
    }
}
