//! The words of messages: templates in two languages, built in, each of which a file of a folder may replace. A file
//! is checked when it is read, with everything that a message can hold and with as little as it can hold; a faulty one
//! is named with its line, and the built-in one stays. What a value becomes depends on where it goes: no template can
//! forget to make a PC's text harmless.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use deskwarden_domain::model::Lang;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use super::words::{inert, marked_down};

/// Largest template file.
const LARGEST: u64 = 64 << 10;
/// Steps that one rendering may take: a template cannot loop for ever.
const STEPS: u64 = 200_000;

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// One alert.
    Alert,
    /// Several.
    List,
}

/// Which part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// One line.
    Subject,
    /// Plain text.
    Text,
    /// Markdown of chat programs.
    Markdown,
}

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

/// Every template, by the name that a file of the folder has.
const BUILT_IN: &[(&str, &str)] = built_in![
    "zh-CN/alert.subject",
    "zh-CN/alert.txt",
    "zh-CN/alert.md",
    "zh-CN/list.subject",
    "zh-CN/list.txt",
    "zh-CN/list.md",
    "en/alert.subject",
    "en/alert.txt",
    "en/alert.md",
    "en/list.subject",
    "en/list.txt",
    "en/list.md",
];

/// What is wrong with a template file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The file.
    pub file: String,
    /// Line, from 1, where it is known.
    pub line: Option<usize>,
    /// What, and what stays in use.
    pub what: String,
}

impl std::fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Checked templates.
#[derive(Clone)]
pub struct Templates {
    own: BTreeMap<String, String>,
    environment: Arc<Environment<'static>>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::of(BTreeMap::new())
    }
}

impl Templates {
    /// The built-in ones, replaced by those of the folder that are good.
    pub fn load(folder: &Path) -> (Self, Vec<TemplateFault>) {
        let (mut own, mut faults) = (BTreeMap::new(), Vec::new());
        for lang in ["zh-CN", "en"] {
            let Ok(entries) = std::fs::read_dir(folder.join(lang)) else {
                continue;
            };
            let mut names: Vec<String> = entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| !name.starts_with('.') && !name.ends_with('~'))
                .map(|name| format!("{lang}/{name}"))
                .collect();
            names.sort();
            for name in names {
                let file = folder.join(&name).display().to_string();
                match read(folder, &name).and_then(|text| {
                    check(&name, &text)?;
                    Ok(text)
                }) {
                    Ok(text) => {
                        own.insert(name, text);
                    }
                    Err((line, what)) => faults.push(TemplateFault {
                        file,
                        line,
                        what: format!("{what}; the built-in template stays in use"),
                    }),
                }
            }
        }
        (Self::of(own), faults)
    }

    fn of(own: BTreeMap<String, String>) -> Self {
        let mut environment = environment();
        for (name, built_in) in BUILT_IN {
            let text = own.get(*name).cloned().unwrap_or_else(|| (*built_in).to_owned());
            // Both were checked; one that cannot be added is missing, and rendering falls back.
            environment.add_template_owned(*name, text).ok();
        }
        Self {
            own,
            environment: Arc::new(environment),
        }
    }

    /// Names of those that a file replaced.
    pub fn replaced(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }

    /// A part of a message. A replaced template that fails on this very message gives way to the built-in one.
    pub(super) fn render(&self, lang: Lang, about: About, part: Part, values: &Value) -> String {
        let name = name(lang, about, part);
        let with = |environment: &Environment<'_>| environment.get_template(name)?.render(values);
        let text = with(&self.environment).or_else(|error| {
            tracing::warn!(template = name, %error, "the built-in template is used instead");
            let mut plain = environment();
            for (name, text) in BUILT_IN {
                plain.add_template(name, text)?;
            }
            with(&plain)
        });
        let text = text.unwrap_or_default();
        match part {
            Part::Subject => super::words::clean(&text),
            Part::Text | Part::Markdown => text.trim_end().to_owned() + "\n",
        }
    }
}

fn name(lang: Lang, about: About, part: Part) -> &'static str {
    let index = match lang {
        Lang::Zh => 0,
        Lang::En => 6,
    } + match about {
        About::Alert => 0,
        About::List => 3,
    } + match part {
        Part::Subject => 0,
        Part::Text => 1,
        Part::Markdown => 2,
    };
    BUILT_IN.get(index).map_or("", |(name, _)| name)
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(STEPS));
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("upper", minijinja::filters::upper);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("join", minijinja::filters::join);
    environment.add_filter("default", minijinja::filters::default);
    environment.set_auto_escape_callback(|name| match name.rsplit('.').next() {
        Some("md") => AutoEscape::Custom("markdown"),
        _ => AutoEscape::Custom("text"),
    });
    environment.set_formatter(|out, state, value| {
        if value.is_undefined() || value.is_none() {
            return Err(minijinja::ErrorKind::UndefinedError.into());
        }
        let text = value.to_string();
        let text = match state.auto_escape() {
            _ if value.is_safe() => text,
            AutoEscape::Custom("markdown") => marked_down(&text),
            _ => inert(&text),
        };
        out.write_str(&text)
            .map_err(|_| minijinja::ErrorKind::WriteFailure.into())
    });
    environment
}

type Wrong = (Option<usize>, String);

fn read(folder: &Path, name: &str) -> Result<String, Wrong> {
    if !BUILT_IN.iter().any(|(known, _)| *known == name) {
        let known: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
        return Err((
            None,
            format!(
                "there is no template of this name; there are {}",
                known.join(", ")
            ),
        ));
    }
    let file = folder.join(name);
    let length = std::fs::metadata(&file)
        .map_err(|error| (None, error.to_string()))?
        .len();
    if length > LARGEST {
        return Err((None, "it is larger than 64 KiB".to_owned()));
    }
    std::fs::read_to_string(&file).map_err(|error| (None, error.to_string()))
}

/// Renders a template with much and with little.
fn check(name: &str, text: &str) -> Result<(), Wrong> {
    let wrong = |error: &minijinja::Error| {
        let what = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.kind()),
            None => error.kind().to_string(),
        };
        (error.line(), what)
    };
    let mut environment = environment();
    environment
        .add_template(name, text)
        .map_err(|error| wrong(&error))?;
    for values in samples(name.contains("/list.")) {
        let rendered = environment
            .get_template(name)
            .and_then(|template| template.render(values));
        let rendered = rendered.map_err(|error| wrong(&error))?;
        if rendered.trim().is_empty() {
            return Err((None, "it says nothing".to_owned()));
        }
    }
    Ok(())
}

fn samples(list: bool) -> [Value; 2] {
    let alert = |word: &str, link: &str| {
        context! {
            event => "new", kind => "opened", subject => "QQ", holder => "ZC-1", custodian => word, department => word, clause => "PC 3.2.4",
            severity => "high", rule => "chat", meaning => word, remedy => word, evidence => word, since => "1", at => "1", link => link,
        }
    };
    let count = |name: &str| context! { name => name, count => 1 };
    let lists = |word: &str, link: &str, more: u32| {
        context! {
            title => "digest", names => word, kind => "digest", severity => "high", count => 2, since => "1", at => "1", link => link,
            causes => vec![context! { rule => "chat", clause => "PC 3.2.4", severity => "high", event => "new", count => 2 }],
            departments => if more > 0 { vec![count(word), count("")] } else { Vec::new() },
            items => vec![alert(word, "")], more => more, more_causes => more, more_departments => more,
        }
    };
    if list {
        [lists("x", "https://desk.example", 3), lists("", "", 0)]
    } else {
        [alert("x", "https://desk.example"), alert("", "")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, text: &str) -> (tempfile::TempDir, Templates, Vec<TemplateFault>) {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        let (templates, faults) = Templates::load(home.path());
        (home, templates, faults)
    }

    #[test]
    fn every_built_in_template_is_good() {
        for (name, text) in BUILT_IN {
            assert_eq!(check(name, text), Ok(()), "{name}");
        }
        for lang in [Lang::Zh, Lang::En] {
            for about in [About::Alert, About::List] {
                for (part, end) in [
                    (Part::Subject, ".subject"),
                    (Part::Text, ".txt"),
                    (Part::Markdown, ".md"),
                ] {
                    assert!(name(lang, about, part).ends_with(end));
                }
            }
        }
    }

    #[test]
    fn a_good_file_replaces_the_built_in_template() {
        let (_home, templates, faults) = folder("zh-CN/alert.subject", "{{ severity }}!{{ subject }}");
        assert_eq!(faults, []);
        assert_eq!(templates.replaced().collect::<Vec<_>>(), ["zh-CN/alert.subject"]);
        let [values, _] = samples(false);
        assert_eq!(
            templates.render(Lang::Zh, About::Alert, Part::Subject, &values),
            "high!QQ"
        );
        assert!(
            templates
                .render(Lang::En, About::Alert, Part::Subject, &values)
                .starts_with("[Deskwarden]")
        );
    }

    #[test]
    fn a_faulty_file_is_named_with_its_line_and_the_built_in_stays() {
        for (text, line, what) in [
            ("ok\n{% if %}\n", Some(2), "syntax"),
            ("{{ subject }}\n\n{{ custodain }}\n", Some(3), "undefined"),
            ("{{ subject|markdown }}", Some(1), "filter"),
            ("{% for a in range(9) %}x{% endfor %}", Some(1), "range"),
            ("  \n", None, "says nothing"),
        ] {
            let (home, templates, faults) = folder("en/alert.txt", text);
            assert_eq!(faults.len(), 1, "{text}");
            assert_eq!(faults[0].line, line, "{}", faults[0]);
            assert!(faults[0].to_string().contains(what), "{}", faults[0]);
            assert!(faults[0].file.starts_with(home.path().to_str().unwrap()));
            assert_eq!(templates.replaced().count(), 0);
        }
        let (_home, _, faults) = folder("en/alrt.txt", "x");
        assert!(faults[0].what.contains("no template of this name"));
    }

    #[test]
    fn values_are_harmless_where_they_go_and_own_links_stay() {
        let values = context! {
            subject => "[x](http://evil.example) <@all> *b*\nnext",
            link => Value::from_safe_string("https://desk.example/findings/7".to_owned()),
        };
        let own = |name: &str| {
            let text = "{{ subject }} {{ link }}";
            let mut environment = environment();
            environment.add_template(name, text).unwrap();
            environment.get_template(name).unwrap().render(&values).unwrap()
        };
        for name in ["en/alert.md", "en/alert.txt", "en/alert.subject"] {
            let text = own(name);
            assert!(text.ends_with("https://desk.example/findings/7"), "{text}");
            let hostile = text.trim_end_matches("https://desk.example/findings/7");
            for bad in ["](", "://", "<@", "@all", "\n"] {
                assert!(!hostile.contains(bad), "{bad} in {text}");
            }
        }
        assert!(!own("en/alert.md").contains(['*', '[']));
    }
}
