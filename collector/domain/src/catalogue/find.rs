//! Which entry a program belongs to: what counts, and in which order.

use std::collections::HashMap;

use super::{
    Catalogue, Claims, around,
    entry::{Claim, Entry, Reach, executable, package},
    normalise::Title,
    packaging, pairs,
    program::Program,
    written,
};

/// Letters that a title written as one word must have, to be looked up so.
const SQUASHED_BYTES: usize = 6;
/// Letters from which a package's name says as much as a title.
const PACKAGE_BYTES: usize = 5;
/// Words of a publisher's name that are looked at.
const MAKER_WORDS: usize = 5;
/// Words of what may stand anywhere in a publisher's name.
const MAKER_WITHIN_WORDS: usize = 2;
/// What a package is called that goes with a program and is none itself.
#[rustfmt::skip]
const PARTS: [&str; 24] = [
    "-data", "-common", "-doc", "-docs", "-dev", "-dbg", "-dbgsym", "-l10n", "-music", "-sound", "-sounds",
    "-maps", "-levels", "-themes", "-server", "-images", "-models", "-textures", "-extras", "-core", "-tools",
    "-assets", "-libs", "-data-base",
];

/// Whether a package's name says that it is none of the program itself.
fn has_part(id: &str) -> bool {
    id.starts_with("lib") || PARTS.iter().any(|ending| id.ends_with(ending))
}

/// Whether a list states nothing of a program but its title. Then a common word means the well-known program of that
/// name: in four lists of titles it was never another's.
fn says_only_its_title(program: &Program<'_>) -> bool {
    // A file that is called as the title, with its version, is the installer that the title was read from.
    let stem = program.executable.strip_suffix(".exe").unwrap_or_default();
    let is_its_file = stem == program.title && Title::new(stem).has_version();
    let executable = if is_its_file { "" } else { program.executable };
    let files = [executable, program.original_name, program.package];
    let mut beside = program.publishers.iter().chain(&files);
    !program.title_is_package && beside.all(|text| text.trim().is_empty())
}

/// What the publisher of a program says of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Publisher {
    Fits,
    Another,
    /// Not stated, or the entry names none.
    Unknown,
}

/// Titles of several words by what they are as one word.
pub(super) fn squashed(titles: &Claims) -> Claims {
    let mut out: Claims = HashMap::new();
    for (title, claims) in titles {
        let squashed = title.replace(' ', "");
        if squashed.len() >= SQUASHED_BYTES && squashed.len() < title.len() && !titles.contains_key(&squashed)
        {
            out.entry(squashed).or_default().extend(claims);
        }
    }
    for claims in out.values_mut() {
        claims.sort_by_key(|claim| claim.entry);
    }
    out
}

impl Catalogue {
    /// A package id says most, then the title, then the name inside the file, then the file's name, and
    /// least who made it and where its packager put it.
    pub(super) fn find(&self, program: &Program<'_>, platform: &str) -> Option<(usize, String)> {
        let fits = |claim: &&Claim| self.on_platform(claim.entry, platform);
        let id = package(program.package);
        if let Some(claim) = self.packages.get(&id).and_then(|claims| claims.iter().find(fits)) {
            return Some((claim.entry, format!("package \"{}\"", program.package)));
        }
        let title = Title::new(program.title);
        if let Some(entry) = self.by_title(&title, program, platform) {
            return Some((entry, format!("title \"{}\"", program.title)));
        }
        if let Some(entry) = self.by_packaging(&id, platform) {
            return Some((entry, format!("package \"{}\"", program.package)));
        }
        if !program.original_name.is_empty() {
            let plain = executable(program.original_name);
            let with_suffix = format!("{plain}.exe");
            let found = self.by_executable(&plain, program, platform);
            if let Some(claim) = found.or_else(|| self.by_executable(&with_suffix, program, platform)) {
                return Some((
                    claim.entry,
                    format!("original file name \"{}\"", program.original_name),
                ));
            }
        }
        if !program.executable.is_empty()
            && let Some(claim) = self.by_executable(&executable(program.executable), program, platform)
            // A file's name alone is weak: another publisher's program may bear it.
            && self.publisher(claim.entry, program) != Publisher::Another
        {
            return Some((claim.entry, format!("executable \"{}\"", program.executable)));
        }
        self.by_origin(&id, &title, program, platform)
    }

    fn by_executable(&self, name: &str, program: &Program<'_>, platform: &str) -> Option<&Claim> {
        let claims = self.executables.get(name)?;
        let of_publisher =
            |claim: &&Claim| claim.if_publisher && self.publisher(claim.entry, program) == Publisher::Fits;
        let on_platform = |claim: &&Claim| self.on_platform(claim.entry, platform);
        let fitting = claims.iter().filter(on_platform).find(of_publisher);
        fitting.or_else(|| {
            claims
                .iter()
                .filter(on_platform)
                .find(|claim| !claim.if_publisher)
        })
    }

    /// The whole title, then the title without version and edition; of patterns the longest.
    fn by_title(&self, title: &Title, program: &Program<'_>, platform: &str) -> Option<usize> {
        // Few letters in a package's name are anybody's: those that count stand among the packages.
        let anybodys = program.title_is_package && title.len() == 1 && title.text().len() < PACKAGE_BYTES;
        if title.is_empty() || anybodys {
            return None;
        }
        let spaced = format!(" {} ", title.text());
        let usable = |claim: &&Claim| {
            self.on_platform(claim.entry, platform)
                && !self.vetoed(claim.entry, &spaced)
                && (!claim.if_publisher || self.supported(claim.entry, program))
        };
        let bare = says_only_its_title(program) && !title.ends_in_a_bare_number();
        let as_a_whole = |claim: &&Claim| {
            usable(claim)
                || (bare && self.on_platform(claim.entry, platform) && !self.vetoed(claim.entry, &spaced))
        };
        let whole = self.whole(title, program, &as_a_whole);
        let pattern = if program.title_is_package {
            None
        } else {
            self.by_pattern(&spaced, platform)
        };
        match (whole, pattern) {
            // As many words, and nothing but editions around them, is more than as many words somewhere.
            (Some((words, entry)), Some((longer, other))) => Some(if longer > words { other } else { entry }),
            (Some((_, entry)), None) => Some(entry),
            // Two names of one program say more than a word among others.
            (None, Some((_, entry))) => Some(
                self.by_two_names(program.title, program, &usable)
                    .unwrap_or(entry),
            ),
            (None, None) if program.title_is_package => None,
            (None, None) => self
                .by_two_names(program.title, program, &usable)
                .or_else(|| {
                    let rest = Title::new(pairs::without_lead(program.title)?);
                    self.whole(&rest, program, &usable).map(|(_, entry)| entry)
                })
                .or_else(|| {
                    let name = Title::new(pairs::before_slogan(program.title)?);
                    self.whole(&name, program, &usable).map(|(_, entry)| entry)
                })
                .or_else(|| {
                    let name = Title::new(around::before_glued_version(program.title)?);
                    self.whole(&name, program, &usable).map(|(_, entry)| entry)
                })
                .or_else(|| self.by_description(program, &usable))
                .or_else(|| self.by_ending(title, platform))
                .or_else(|| self.by_writing(program, platform)),
        }
    }

    /// `Some Miner 1.2`: a word that only counts at the end, before a version or an edition.
    fn by_ending(&self, title: &Title, platform: &str) -> Option<usize> {
        let mut words = title.len();
        while let Some(fewer) = title.without_edition(words) {
            words = fewer;
            let spaced = format!(" {} ", title.first(words));
            if let Some((_, entry)) = self.by_pattern(&spaced, platform) {
                return Some(entry);
            }
        }
        None
    }

    /// `ALLPlayer(多媒体播放器)`, `Horizon Zero DawnT`: the name without what was put around it.
    fn by_description(&self, program: &Program<'_>, usable: &dyn Fn(&&Claim) -> bool) -> Option<usize> {
        let raw = program.title;
        let entry_of = |text: &str| {
            let found = self.whole(&Title::new(text), program, usable);
            found.map(|(_, entry)| entry)
        };
        let name_of = |text: &str| {
            let title = Title::new(text);
            let (words, _) = self.whole(&title, program, usable)?;
            let mut least = words;
            while let Some(fewer) = title.without_edition(least) {
                least = fewer;
            }
            Some(title.first(least).to_owned())
        };
        let without = around::without_description(raw).as_deref().and_then(entry_of);
        without
            .or_else(|| around::behind_description(raw).and_then(entry_of))
            .or_else(|| around::told_again(raw, &name_of).and_then(entry_of))
            .or_else(|| written::without_residue(raw).as_deref().and_then(entry_of))
    }

    /// `HuyaClient`, `4DF9E0F8.Netflix`: words written as one, and the name within an application's identifier.
    fn by_writing(&self, program: &Program<'_>, platform: &str) -> Option<usize> {
        let of_words = |apart: &str| {
            let title = Title::new(apart);
            let spaced = format!(" {} ", title.text());
            let usable = |claim: &&Claim| {
                self.on_platform(claim.entry, platform)
                    && !self.vetoed(claim.entry, &spaced)
                    && (!claim.if_publisher || self.supported(claim.entry, program))
            };
            let whole = self.whole(&title, program, &usable);
            let long = |words: usize| title.first(words).len() >= written::LETTERS;
            let installs = || {
                // A file's name has no spaces; with them it is a title of its own.
                let name = Title::new(
                    title
                        .before_installer()
                        .filter(|_| !program.title.contains(' '))?,
                );
                (name.text().len() > written::LETTERS).then_some(())?;
                self.whole(&name, program, &usable)
            };
            whole
                .filter(|(words, _)| long(*words))
                .or_else(|| installs().filter(|_| !pairs::is_for_it(program.title)))
                .or_else(|| self.by_pattern(&spaced, platform))
                .map(|(_, entry)| entry)
        };
        let inner = written::inner(program.title);
        let apart = written::apart(inner.unwrap_or(program.title));
        apart.as_deref().or(inner).and_then(of_words)
    }

    /// The words that a claim takes, and its entry.
    fn whole(
        &self,
        title: &Title,
        program: &Program<'_>,
        usable: &dyn Fn(&&Claim) -> bool,
    ) -> Option<(usize, usize)> {
        let best = |claims: &Vec<Claim>| {
            let claims = claims.iter().filter(usable);
            claims
                .max_by_key(|claim| (self.is_filed(claim.entry), claim.if_publisher))
                .map(|claim| claim.entry)
        };
        let mut counts = vec![title.len()];
        // A package's name has no editions: `-dev` makes it another package.
        if !program.title_is_package {
            while let Some(fewer) = counts.last().and_then(|words| title.without_edition(*words)) {
                counts.push(fewer);
            }
        }
        for words in &counts {
            if let Some(entry) = self.titles.get(title.first(*words)).and_then(best) {
                return Some((*words, entry));
            }
        }
        if program.title_is_package {
            return None;
        }
        for words in counts {
            let squashed = title.first(words).replace(' ', "");
            let lists = [self.squashed.get(&squashed), self.titles.get(&squashed)];
            let fits = squashed.len() >= SQUASHED_BYTES;
            if let Some(entry) = lists.into_iter().flatten().filter(|_| fits).find_map(best) {
                return Some((words, entry));
            }
        }
        None
    }

    /// `微信 (WeChat)`: two names of one program, the second in brackets or in other letters.
    fn by_two_names(
        &self,
        raw: &str,
        program: &Program<'_>,
        usable: &dyn Fn(&&Claim) -> bool,
    ) -> Option<usize> {
        let (first, second, in_brackets) = pairs::split(raw)?;
        let of = |part: &str| {
            self.whole(&Title::new(part), program, usable)
                .map(|(_, entry)| entry)
        };
        let known = of(first);
        match (known, of(second)) {
            (Some(entry), Some(other)) => (entry == other).then_some(entry),
            // Before letters of the other kind an ideograph's neighbour says more than letters do.
            (Some(entry), None) if in_brackets || first.chars().any(|c| c >= '\u{2E80}') => {
                pairs::transcribes(first, second).then_some(entry)
            }
            _ => None,
        }
    }

    /// `motrix-git`, `com.jianguoyun.Nutstore`: a known name within a package's.
    fn by_packaging(&self, id: &str, platform: &str) -> Option<usize> {
        if !platform.starts_with("linux") || id.contains([' ', '/']) {
            return None;
        }
        packaging::forms(id).iter().find_map(|form| {
            let fits = |claim: &&Claim| self.on_platform(claim.entry, platform);
            let package = self
                .packages
                .get(form)
                .and_then(|claims| claims.iter().find(fits));
            package.map(|claim| claim.entry).or_else(|| {
                let title = Title::new(form);
                (form.len() >= PACKAGE_BYTES && !has_part(form)).then_some(())?;
                let spaced = format!(" {} ", title.text());
                let usable =
                    |claim: &&Claim| fits(claim) && !claim.if_publisher && !self.vetoed(claim.entry, &spaced);
                let squashed = title.text().replace(' ', "");
                let lists = [self.titles.get(title.text()), self.squashed.get(&squashed)];
                let claims = lists.into_iter().flatten().flatten();
                claims.into_iter().find(usable).map(|claim| claim.entry)
            })
        })
    }

    fn by_pattern(&self, spaced: &str, platform: &str) -> Option<(usize, usize)> {
        let automaton = self.automaton.as_ref()?;
        let mut best: Option<(bool, usize, Reach, usize)> = None;
        for found in automaton.find_overlapping_iter(spaced) {
            let Some((words, reach, entry)) = self.patterns.get(found.pattern().as_usize()).copied() else {
                continue;
            };
            let placed = match reach {
                Reach::Within => true,
                Reach::Start => found.start() == 0,
                Reach::End => found.end() == spaced.len(),
            };
            // What breaks a program is named after it, however long its name is.
            let breaks = self.breaks(entry);
            let better =
                best.is_none_or(|(before, most, from, _)| (breaks, words, reach) > (before, most, from));
            if placed && better && self.on_platform(entry, platform) && !self.vetoed(entry, spaced) {
                best = Some((breaks, words, reach, entry));
            }
        }
        best.map(|(_, words, _, entry)| (words, entry))
    }

    /// By a numbered package, by who makes nothing else, by the section of an archive.
    fn by_origin(
        &self,
        id: &str,
        title: &Title,
        program: &Program<'_>,
        platform: &str,
    ) -> Option<(usize, String)> {
        let spaced = format!(" {} ", title.text());
        let fits = |entry: usize| self.on_platform(entry, platform) && !self.vetoed(entry, &spaced);
        let numbered = self.prefixes.iter().find(|(prefix, entry)| {
            let rest = id.strip_prefix(prefix.as_str()).unwrap_or_default();
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()) && fits(*entry)
        });
        if let Some((_, entry)) = numbered {
            return Some((*entry, format!("package \"{}\"", program.package)));
        }
        for publisher in program.publishers {
            let name = Title::new(publisher);
            let of = |words: &str| self.makers.get(words)?.iter().find(|claim| fits(claim.entry));
            let known = (1..=MAKER_WORDS.min(name.len()))
                .rev()
                .find_map(|words| of(name.first(words)));
            // Who maintains a package is nobody who made the program.
            let known = known.or_else(|| {
                let words = 1..=MAKER_WITHIN_WORDS.min(name.len());
                let starts = |words: usize| (0..=name.len() - words).map(move |from| (from, from + words));
                let mut within = words.rev().flat_map(starts).filter(|_| !program.title_is_package);
                within.find_map(|(from, to)| of(&format!("*{}*", name.slice(from, to))))
            });
            if let Some(claim) = known {
                return Some((claim.entry, format!("publisher \"{publisher}\"")));
            }
        }
        let part = program.title_is_package && has_part(id);
        let section = package(program.section.rsplit('/').next().unwrap_or_default());
        let claims = self.sections.get(&section).filter(|_| !part)?;
        let claim = claims.iter().find(|claim| fits(claim.entry))?;
        Some((claim.entry, format!("section \"{}\"", program.section)))
    }

    fn is_filed(&self, entry: usize) -> bool {
        self.entries.get(entry).is_some_and(Entry::is_filed)
    }

    /// Whether an entry is about breaking other programs.
    fn breaks(&self, entry: usize) -> bool {
        let entry = self.entries.get(entry);
        entry.is_some_and(|entry| entry.categories.iter().any(|category| category == "crack"))
    }

    fn vetoed(&self, entry: usize, spaced: &str) -> bool {
        self.entries.get(entry).is_some_and(|entry| {
            entry
                .not
                .iter()
                .any(|words| spaced.contains(&format!(" {words} ")))
        })
    }

    fn on_platform(&self, entry: usize, platform: &str) -> bool {
        self.entries.get(entry).is_some_and(|entry| {
            entry.platforms.is_empty()
                || entry
                    .platforms
                    .iter()
                    .any(|name| platform.starts_with(name.as_str()))
        })
    }

    /// Whether something beside a common word speaks for the entry: its publisher, or its executable.
    fn supported(&self, entry: usize, program: &Program<'_>) -> bool {
        match self.publisher(entry, program) {
            Publisher::Fits => true,
            Publisher::Another => false,
            Publisher::Unknown => [program.executable, program.original_name]
                .into_iter()
                .filter_map(|name| self.executables.get(&executable(name)))
                .any(|claims| claims.iter().any(|claim| claim.entry == entry)),
        }
    }

    fn publisher(&self, entry: usize, program: &Program<'_>) -> Publisher {
        let Some(entry) = self.entries.get(entry) else {
            return Publisher::Unknown;
        };
        if entry.publishers.is_empty() {
            return Publisher::Unknown;
        }
        let mut said = Publisher::Unknown;
        for publisher in program.publishers {
            let name = Title::new(publisher);
            if name.is_empty() {
                continue;
            }
            let spaced = format!(" {} ", name.text());
            let squashed = name.text().replace(' ', "");
            let fits = entry.publishers.iter().any(|words| {
                let known = words.replace(' ', "");
                spaced.contains(&format!(" {words} "))
                    || (known.len() >= SQUASHED_BYTES && squashed.starts_with(&known))
            });
            if fits {
                return Publisher::Fits;
            }
            said = Publisher::Another;
        }
        said
    }
}
