//! Small charts as SVG, made here: sizes are attributes, colours are classes, so that no inline style is
//! needed and the theme decides. Each carries its words for readers who cannot see it.

use std::fmt::{self, Display};

use askama::filters::HtmlSafe;

use super::text::escaped;

/// A part of a bar: class of its colour, size, words.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Class that colours it.
    pub(super) class: &'static str,
    /// How many.
    pub(super) count: u64,
    /// Words for it: our own, never an agent's.
    pub(super) words: String,
}

/// A horizontal bar of parts.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    /// Its parts.
    pub(super) parts: Vec<Part>,
    /// What the whole width stands for; at least the sum of the parts.
    pub(super) whole: u64,
}

const WIDTH: u64 = 1000;

impl Bar {
    /// A bar that its parts fill.
    pub(super) fn full(parts: Vec<Part>) -> Self {
        let whole = parts.iter().map(|part| part.count).sum();
        Self { parts, whole }
    }
}

impl Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self
            .parts
            .iter()
            .map(|p| format!("{} {}", p.words, p.count))
            .collect::<Vec<_>>()
            .join(", ");
        write!(
            f,
            "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
            escaped(&label)
        )?;
        write!(f, "<rect class=\"track\" width=\"{WIDTH}\" height=\"10\"/>")?;
        let mut from = 0;
        for part in self.parts.iter().filter(|part| part.count > 0) {
            let width = (part.count * WIDTH).checked_div(self.whole).unwrap_or(0).max(4);
            write!(
                f,
                "<rect class=\"{}\" x=\"{from}\" width=\"{width}\" height=\"10\"><title>{} {}</title></rect>",
                part.class,
                escaped(&part.words),
                part.count
            )?;
            from += width;
        }
        f.write_str("</svg>")
    }
}

impl HtmlSafe for Bar {}

/// A ring that is filled to a share.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// How many of
    pub(super) count: u64,
    /// the whole.
    pub(super) whole: u64,
    /// Words for it: our own.
    pub(super) words: String,
    /// Class of the filled part: `fill`, or `fill bad` where less is better.
    pub(super) class: &'static str,
}

impl Ring {
    /// The share in per cent, rounded down: 99.9 % is not everything.
    pub(super) fn percent(&self) -> Option<u64> {
        (self.count.min(self.whole) * 100).checked_div(self.whole)
    }
}

impl Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With this radius the circumference is 100, so that a dash is a per cent.
        const RADIUS: &str = "15.9155";
        let percent = self.percent().unwrap_or(0);
        let text = self
            .percent()
            .map_or_else(|| "—".to_owned(), |percent| format!("{percent}%"));
        write!(
            f,
            "<svg class=\"ring\" viewBox=\"0 0 40 40\" role=\"img\" aria-label=\"{} {text}\">\
             <circle class=\"track\" cx=\"20\" cy=\"20\" r=\"{RADIUS}\"/>",
            escaped(&self.words)
        )?;
        if percent > 0 {
            write!(
                f,
                "<circle class=\"{}\" cx=\"20\" cy=\"20\" r=\"{RADIUS}\" stroke-dasharray=\"{percent} 100\" transform=\"rotate(-90 20 20)\"/>",
                self.class
            )?;
        }
        write!(
            f,
            "<text x=\"20\" y=\"20\" text-anchor=\"middle\" dominant-baseline=\"central\">{text}</text></svg>"
        )
    }
}

impl HtmlSafe for Ring {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_never_claims_more_than_there_is() {
        let ring = |count, whole| {
            Ring {
                count,
                whole,
                words: String::new(),
                class: "fill",
            }
            .percent()
        };
        assert_eq!(
            [ring(999, 1000), ring(5, 4), ring(0, 0)],
            [Some(99), Some(100), None]
        );
    }

    #[test]
    fn a_bar_needs_no_inline_style() {
        let part = |count| Part {
            class: "pass",
            count,
            words: "<ok>".into(),
        };
        let text = Bar::full(vec![part(1), part(0), part(3)]).to_string();
        assert!(!text.contains("style"));
        assert!(text.contains("&lt;ok&gt; 3"));
        assert!(text.contains("width=\"750\""));
        assert!(Bar::full(Vec::new()).to_string().contains("track"));
    }
}
