//! What one Rust file contains, read from its syntax tree: lines of code without tests, paths that it names,
//! modules and names that it declares. Knows no other file.

use std::{collections::BTreeSet, ops::RangeInclusive};

use anyhow::{Context as _, Result};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::{
    Attribute, Item, UseTree,
    spanned::Spanned as _,
    visit::{self, Visit},
};

/// A file may be longer than the limit if it opens with a line that says so and why.
const REASON: &str = "//! Long because: ";

/// A path as it is written, with the line that it starts at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Line, from 1.
    pub line: usize,
    /// Segments: `["crate", "model", "Asset"]`. A glob ends in `*`.
    pub segments: Vec<String>,
}

/// A name that a file brings into its module: what others reach through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Name by which it is reached.
    pub name: String,
    /// Where it comes from, as written.
    pub from: Vec<String>,
}

/// What a file contains. Everything but `unsafe_lines` and `os_lines` leaves tests out.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The first line is an inner doc comment.
    pub opens_with_doc: bool,
    /// Why it may be long, if it says so.
    pub long_because: Option<String>,
    /// Lines that hold code: no comments, no blank lines, no tests.
    pub code_lines: usize,
    /// Lines with the keyword `unsafe`, tests included.
    pub unsafe_lines: Vec<usize>,
    /// Lines that ask for an operating system (`target_os`, `target_family`, `cfg(unix)`, `cfg(windows)`).
    pub os_lines: Vec<usize>,
    /// Paths in `use` items and everywhere else.
    pub paths: Vec<Named>,
    /// Names that `use` items bring in at the top of the file.
    pub bindings: Vec<Binding>,
    /// Modules declared for tests only (`#[cfg(test)] mod x;`).
    pub test_modules: Vec<String>,
}

impl Source {
    /// Reads one file's text.
    ///
    /// # Errors
    /// When it is no Rust.
    pub fn read(text: &str) -> Result<Self> {
        let tokens: TokenStream = text.parse().ok().context("the text is no Rust")?;
        let file = syn::parse2::<syn::File>(tokens.clone()).context("the text is no Rust file")?;

        let mut outline = Outline::default();
        outline.visit_file(&file);
        let mut scan = Scan {
            outline: &outline,
            source: Self::default(),
            lines: BTreeSet::new(),
        };
        scan.stream(&tokens);
        let Scan {
            mut source, lines, ..
        } = scan;

        source.opens_with_doc = text.lines().next().is_some_and(|line| line.starts_with("//! "));
        source.long_because = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .find_map(|line| line.strip_prefix(REASON))
            .map(|reason| reason.trim().to_owned());
        source.code_lines = lines.iter().filter(|line| !outline.is_apart(**line)).count();
        source.paths.extend(outline.uses);
        source.bindings = outline.bindings;
        source.test_modules = outline.test_modules;
        Ok(source)
    }
}

/// First pass, over the syntax tree: where tests, documentation and inline modules stand, and what is imported.
#[derive(Default)]
struct Outline {
    tests: Vec<RangeInclusive<usize>>,
    docs: Vec<RangeInclusive<usize>>,
    inline: Vec<RangeInclusive<usize>>,
    depth: usize,
    uses: Vec<Named>,
    bindings: Vec<Binding>,
    test_modules: Vec<String>,
}

impl Outline {
    fn in_tests(&self, line: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&line))
    }

    fn is_apart(&self, line: usize) -> bool {
        self.in_tests(line) || self.docs.iter().any(|range| range.contains(&line))
    }

    fn in_inline_module(&self, line: usize) -> bool {
        self.inline.iter().any(|range| range.contains(&line))
    }

    fn import(&mut self, line: usize, prefix: &[String], tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                let mut prefix = prefix.to_vec();
                prefix.push(path.ident.to_string());
                self.import(line, &prefix, &path.tree);
            }
            UseTree::Name(name) => self.bind(line, prefix, &name.ident.to_string(), None),
            UseTree::Rename(rename) => {
                self.bind(
                    line,
                    prefix,
                    &rename.ident.to_string(),
                    Some(rename.rename.to_string()),
                );
            }
            UseTree::Glob(_) => self.bind(line, prefix, "*", None),
            UseTree::Group(group) => {
                for item in &group.items {
                    self.import(line, prefix, item);
                }
            }
        }
    }

    fn bind(&mut self, line: usize, prefix: &[String], last: &str, renamed: Option<String>) {
        let mut segments = prefix.to_vec();
        if last != "self" {
            segments.push(last.to_owned());
        }
        let name = renamed.or_else(|| segments.last().cloned()).unwrap_or_default();
        if self.depth == 0 && name != "*" {
            self.bindings.push(Binding {
                name,
                from: segments.clone(),
            });
        }
        self.uses.push(Named { line, segments });
    }
}

impl<'ast> Visit<'ast> for Outline {
    fn visit_item(&mut self, item: &'ast Item) {
        let lines = item.span().start().line..=item.span().end().line;
        if attributes(item).iter().any(is_test_only) {
            if let Item::Mod(module) = item
                && module.content.is_none()
            {
                self.test_modules.push(module.ident.to_string());
            }
            self.tests.push(lines);
            return;
        }
        match item {
            Item::Use(import) => self.import(*lines.start(), &[], &import.tree),
            Item::Mod(module) if module.content.is_some() => self.inline.push(lines),
            _ => {}
        }
        self.depth += 1;
        visit::visit_item(self, item);
        self.depth -= 1;
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            self.docs
                .push(attribute.span().start().line..=attribute.span().end().line);
        }
    }
}

/// Second pass, over the tokens, so that the arguments of macros count too.
struct Scan<'a> {
    outline: &'a Outline,
    source: Source,
    lines: BTreeSet<usize>,
}

impl Scan<'_> {
    fn stream(&mut self, tokens: &TokenStream) {
        let trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut index = 0;
        while let Some(tree) = trees.get(index) {
            let line = tree.span().start().line;
            index += 1;
            match tree {
                TokenTree::Group(group) => {
                    self.mark(line, line);
                    self.mark(group.span_close().end().line, group.span_close().end().line);
                    self.stream(&group.stream());
                }
                TokenTree::Ident(ident) => {
                    self.mark(line, line);
                    let word = ident.to_string();
                    self.keyword(line, &word, trees.get(index..).unwrap_or_default());
                    let run = path_from(&trees, index - 1);
                    index += run.1;
                    self.path(line, run.0);
                }
                TokenTree::Punct(_) => self.mark(line, line),
                TokenTree::Literal(literal) => self.mark(line, literal.span().end().line),
            }
        }
    }

    fn mark(&mut self, from: usize, to: usize) {
        self.lines.extend(from..=to);
    }

    fn keyword(&mut self, line: usize, word: &str, next: &[TokenTree]) {
        match word {
            "unsafe" => self.source.unsafe_lines.push(line),
            "target_os" | "target_family" => self.source.os_lines.push(line),
            "cfg" | "cfg_attr" | "cfg_select" => {
                let arguments = next
                    .iter()
                    .find(|tree| !matches!(tree, TokenTree::Punct(mark) if mark.as_char() == '!'));
                let names_family = matches!(arguments, Some(TokenTree::Group(group))
                    if group.delimiter() == Delimiter::Parenthesis && names_family(&group.stream()));
                if names_family {
                    self.source.os_lines.push(line);
                }
            }
            _ => {}
        }
    }

    fn path(&mut self, line: usize, segments: Vec<String>) {
        let relative = matches!(segments.first().map(String::as_str), Some("super" | "self"));
        let misleading = relative && self.outline.in_inline_module(line);
        if segments.len() > 1 && !self.outline.in_tests(line) && !misleading {
            self.source.paths.push(Named { line, segments });
        }
    }
}

/// The path that starts at a token, and how many tokens beyond the first it takes.
fn path_from(trees: &[TokenTree], start: usize) -> (Vec<String>, usize) {
    let mut segments = Vec::new();
    let mut index = start;
    while let Some(TokenTree::Ident(ident)) = trees.get(index) {
        segments.push(ident.to_string());
        match (trees.get(index + 1), trees.get(index + 2), trees.get(index + 3)) {
            (Some(TokenTree::Punct(a)), Some(TokenTree::Punct(b)), Some(TokenTree::Ident(_)))
                if a.as_char() == ':' && a.spacing() == Spacing::Joint && b.as_char() == ':' =>
            {
                index += 3;
            }
            _ => break,
        }
    }
    (segments, index - start)
}

fn names_family(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == "unix" || ident == "windows",
        TokenTree::Group(group) => names_family(&group.stream()),
        _ => false,
    })
}

fn is_test_only(attribute: &Attribute) -> bool {
    let Ok(list) = attribute.meta.require_list() else {
        return attribute.path().is_ident("test");
    };
    let words = list.tokens.to_string();
    let negated = words.replace(' ', "").contains("not(test");
    let mentions = words
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word == "test");
    list.path.is_ident("cfg") && mentions && !negated
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Source {
        Source::read(text).unwrap()
    }

    fn named(source: &Source, path: &str) -> bool {
        source.paths.iter().any(|named| named.segments.join("::") == path)
    }

    #[test]
    fn comments_blank_lines_and_tests_are_no_code() {
        let source = read(
            "//! What it is.\n\n/// Doc.\n// note\nfn a() {\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    fn c() {}\n}\n",
        );
        assert_eq!(source.code_lines, 3);
        assert!(source.opens_with_doc);
    }

    #[test]
    fn a_literal_of_three_lines_is_three_lines() {
        assert_eq!(read("const A: &str = \"x\ny\nz\";\n").code_lines, 3);
    }

    #[test]
    fn a_file_without_opening_doc_is_seen() {
        assert!(!read("/// Doc of something.\nfn a() {}\n").opens_with_doc);
    }

    #[test]
    fn grouped_and_renamed_imports_are_flattened() {
        let source = read("use std::{fs, io::{self, Read as R}};\npub use crate::a::*;\n");
        assert!(named(&source, "std::fs"));
        assert!(named(&source, "std::io"));
        assert!(named(&source, "std::io::Read"));
        assert!(named(&source, "crate::a::*"));
        assert!(source.bindings.contains(&Binding {
            name: "R".into(),
            from: vec!["std".into(), "io".into(), "Read".into()]
        }));
    }

    #[test]
    fn paths_inside_macros_count_and_those_of_tests_do_not() {
        let source = read(
            "fn a() { format!(\"{:?}\", std::fs::read(\"x\")); }\n#[cfg(test)]\nmod t { fn b() { std::env::args(); } }\n",
        );
        assert!(named(&source, "std::fs::read"));
        assert!(!named(&source, "std::env::args"));
    }

    #[test]
    fn unsafe_is_found_in_tests_too_and_not_in_names_or_text() {
        let source = read(
            "#![deny(unsafe_code)]\nconst A: &str = \"unsafe\";\n#[cfg(test)]\nmod t {\n    fn b() { unsafe { c() } }\n}\n",
        );
        assert_eq!(source.unsafe_lines, [5]);
    }

    #[test]
    fn asking_for_an_operating_system_is_found_in_every_spelling() {
        let text = "#[cfg(target_os = \"linux\")]\nfn a() {}\n#[cfg(any(unix, test))]\nfn b() {}\nfn c() -> bool { cfg!(windows) }\n#[cfg(feature = \"unix\")]\nfn d() {}\n";
        let source = read(text);
        assert_eq!(source.os_lines, [1, 3, 5]);
    }

    #[test]
    fn test_modules_in_files_of_their_own_are_named() {
        assert_eq!(
            read("#[cfg(test)]\nmod checks;\nmod real;\n").test_modules,
            ["checks"]
        );
    }

    #[test]
    fn a_reason_for_length_is_read() {
        let source = read("//! A table.\n//! Long because: it lists every code of the standard.\n");
        assert_eq!(
            source.long_because.as_deref(),
            Some("it lists every code of the standard.")
        );
    }
}
