//! Charts over time as SVG, made here: sizes are attributes, colours are classes. Each says in words what it shows;
//! its numbers stand in a table beside it.

use std::fmt::{self, Display, Write as _};

use askama::filters::HtmlSafe;

use super::text::escaped;

const WIDTH: u64 = 600;
const HEIGHT: u64 = 120;

/// One column for each of some spans of time.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// The numbers, oldest first.
    pub(super) counts: Vec<u64>,
    /// Words for it: our own.
    pub(super) words: String,
}

impl Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1);
        let width = WIDTH / (self.counts.len() as u64).max(1);
        begin(f, "plot columns", &self.words)?;
        for (count, x) in self
            .counts
            .iter()
            .zip((0..).step_by(usize::try_from(width).unwrap_or(1).max(1)))
        {
            if *count == 0 {
                continue;
            }
            let height = scaled(*count, most).max(2);
            write!(
                f,
                "<rect class=\"column\" x=\"{x}\" y=\"{}\" width=\"{}\" height=\"{height}\"><title>{count}</title></rect>",
                HEIGHT - height,
                width.saturating_sub(1).max(1)
            )?;
        }
        f.write_str("</svg>")
    }
}

impl HtmlSafe for Columns {}

/// A share of 0 to 1,000 over time, as a line. Where there is no value the line is broken.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Class of its colour.
    pub(super) class: &'static str,
    /// The values, oldest first, in tenths of a per cent.
    pub(super) per_mille: Vec<Option<u64>>,
}

/// Lines over the same days.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    /// The lines.
    pub(super) lines: Vec<Line>,
    /// Words for it: our own.
    pub(super) words: String,
}

impl Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        begin(f, "plot lines", &self.words)?;
        for quarter in 0..=4 {
            let y = HEIGHT - HEIGHT * quarter / 4;
            write!(f, "<path class=\"rule\" d=\"M0 {y}H{WIDTH}\"/>")?;
        }
        for line in &self.lines {
            write!(
                f,
                "<path class=\"line {}\" d=\"{}\"/>",
                line.class,
                way(&line.per_mille)
            )?;
        }
        f.write_str("</svg>")
    }
}

impl HtmlSafe for Lines {}

/// The way of a line; a value that stands alone is a short stroke.
fn way(values: &[Option<u64>]) -> String {
    let last = (values.len() as u64).saturating_sub(1).max(1);
    let (mut way, mut drawing) = (String::new(), false);
    for (value, at) in values.iter().zip(0_u64..) {
        let Some(value) = value else {
            drawing = false;
            continue;
        };
        let (x, y) = (WIDTH * at / last, HEIGHT - scaled(*value, 1000));
        let sign = if drawing { 'L' } else { 'M' };
        // Writing to a text cannot fail.
        write!(way, "{sign}{x} {y}").ok();
        if !drawing {
            way.push_str("h1");
        }
        drawing = true;
    }
    way
}

fn scaled(count: u64, most: u64) -> u64 {
    let scaled = u128::from(count.min(most)) * u128::from(HEIGHT) / u128::from(most.max(1));
    u64::try_from(scaled).unwrap_or(HEIGHT)
}

fn begin(f: &mut fmt::Formatter<'_>, class: &str, words: &str) -> fmt::Result {
    write!(
        f,
        "<svg class=\"{class}\" viewBox=\"0 -2 {WIDTH} {}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        HEIGHT + 4,
        escaped(words)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_high_as_their_numbers() {
        let text = Columns {
            counts: vec![0, 5, 10],
            words: "<reports>".into(),
        }
        .to_string();
        assert!(text.contains("aria-label=\"&lt;reports&gt;\"") && !text.contains("style"));
        assert_eq!(text.matches("<rect").count(), 2, "nothing is drawn for nothing");
        assert!(text.contains("y=\"60\" width=\"199\" height=\"60\""), "{text}");
        let none = Columns {
            counts: Vec::new(),
            words: String::new(),
        };
        assert!(none.to_string().ends_with("</svg>"));
    }

    #[test]
    fn a_line_breaks_where_there_is_no_value() {
        assert_eq!(
            way(&[Some(1000), Some(500), None, Some(0)]),
            "M0 0h1L200 60M600 120h1"
        );
        assert_eq!(way(&[]), "");
        assert_eq!(way(&[Some(2000)]), "M0 0h1");
    }
}
