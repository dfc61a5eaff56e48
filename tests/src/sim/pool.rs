//! The titles that simulated PCs draw from. Offices are images of each other: most PCs have most of the same
//! titles in the same versions, and everyone has a few of their own. Names, versions and texts are as long as real
//! ones; none is in the software catalogue except the few that the rules forbid.

use deskwarden_proto::v1::{Software, SoftwareKind};

/// Versions that a title exists in; PCs of one image have the same.
pub const VERSIONS: u8 = 4;
/// Titles that come with the images.
const IMAGE: u16 = 220;
/// Titles in all, as a company's mirror has them.
const TITLES: u16 = 1_800;

/// A title that a rule forbids: its package, and that rule.
#[derive(Clone, Copy, Debug)]
pub struct Forbidden {
    /// Package name, as the catalogue knows it.
    pub package: &'static str,
    /// Rule of the core pack.
    pub rule: &'static str,
}

/// Titles that nobody should have.
pub const FORBIDDEN: [Forbidden; 3] = [
    Forbidden {
        package: "steam-launcher",
        rule: "pc.game",
    },
    Forbidden {
        package: "linuxqq",
        rule: "pc.chat",
    },
    Forbidden {
        package: "qbittorrent",
        rule: "pc.downloader",
    },
];

/// A title by number: first those of the images, then the others, then the forbidden ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Title(pub u16);

/// All titles.
#[derive(Debug, Default)]
pub struct Pool;

impl Pool {
    /// What the PC of that number starts with, each title in a version.
    pub fn draw(rng: &mut fastrand::Rng) -> Vec<(Title, u8)> {
        let image = rng.u8(0..3);
        let mut drawn: Vec<(Title, u8)> = (0..IMAGE)
            // Each of the three images lacks a few titles of the others.
            .filter(|title| title % 40 != u16::from(image))
            .map(|title| (Title(title), image))
            .collect();
        for _ in 0..rng.u16(60..160) {
            drawn.push((Self::one(rng), rng.u8(0..VERSIONS)));
        }
        drawn.sort();
        drawn.dedup_by_key(|(title, _)| *title);
        drawn
    }

    /// A title that somebody installs: a few are popular, most are not.
    pub fn one(rng: &mut fastrand::Rng) -> Title {
        let popularity = rng.f64();
        let rank = popularity * popularity * f64::from(TITLES - IMAGE);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of titles"
        )]
        Title(IMAGE + rank as u16)
    }

    /// The forbidden title of that index.
    pub fn forbidden(index: usize) -> Title {
        Title(TITLES + u16::try_from(index % FORBIDDEN.len()).unwrap_or_default())
    }

    /// Which forbidden title it is.
    pub fn is_forbidden(title: Title) -> Option<Forbidden> {
        let index = title.0.checked_sub(TITLES)?;
        FORBIDDEN.get(usize::from(index)).copied()
    }

    /// Its package name.
    pub fn package(title: Title) -> String {
        if let Some(forbidden) = Self::is_forbidden(title) {
            return forbidden.package.to_owned();
        }
        let word = |n: u16| WORDS[usize::from(n) % WORDS.len()];
        let number = title.0;
        format!("{}-{}{}", word(number), word(number / 7 + 5), number)
    }

    /// What a PC has that has it.
    pub fn software(title: Title, version: u8) -> Software {
        let package = Self::package(title);
        let number = title.0;
        Software {
            name: package.clone(),
            version: format!(
                "{}.{}.{version}-{}+deb12u{version}",
                number % 9,
                number % 31,
                number % 5
            ),
            publisher: format!(
                "Office Mirror Team {} <packages-{}@mirror.example>",
                number % 23,
                number % 23
            ),
            kind: SoftwareKind::Package.into(),
            package,
            architecture: if number.is_multiple_of(3) { "all" } else { "amd64" }.to_owned(),
            section_hint: ["libs", "utils", "devel", "fonts", "python"][usize::from(number % 5)].to_owned(),
            summary: format!(
                "shared {} for {} of the office image",
                WORDS[usize::from(number) % WORDS.len()],
                number
            ),
            ..Software::default()
        }
    }
}

const WORDS: [&str; 16] = [
    "libkorund",
    "tabula",
    "ferrite",
    "gnomon",
    "lattice",
    "quern",
    "halyard",
    "ombre",
    "pinion",
    "reticle",
    "sextant",
    "trivet",
    "umbel",
    "vellum",
    "wicket",
    "zither",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pcs_overlap_as_images_do_and_differ_as_people_do() {
        let mut rng = fastrand::Rng::with_seed(7);
        let a = Pool::draw(&mut rng);
        let b = Pool::draw(&mut rng);
        let both = a
            .iter()
            .filter(|(title, _)| b.iter().any(|(t, _)| t == title))
            .count();
        assert!((260..400).contains(&a.len()), "{}", a.len());
        assert!(both > 200 && both < a.len() && both < b.len(), "{both}");
    }

    #[test]
    fn equal_seeds_are_equal_pcs() {
        let draw = |seed| Pool::draw(&mut fastrand::Rng::with_seed(seed));
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
