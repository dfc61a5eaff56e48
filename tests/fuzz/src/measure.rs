//! How large a result is. A parser that is fed a file of its size may not need memory of another order: users
//! own many of the files that the agent reads as root.

use std::fmt::{self, Debug, Write};

/// Bytes of result that one byte of input may cause, as `Debug` counts them: a record of seven bytes has
/// fields with names, and a byte that is no UTF-8 is shown as three.
const PER_BYTE: usize = 64;
const FIXED: usize = 8 << 10;

/// The result is of the order of its input.
pub(crate) fn in_proportion(input: &[u8], result: &impl Debug) {
    at_most(input, result, PER_BYTE);
}

/// The result is of the order of its input, with that many bytes per byte.
pub(crate) fn at_most(input: &[u8], result: &impl Debug, per_byte: usize) {
    let bound = FIXED + input.len() * per_byte;
    let size = size(result);
    assert!(
        size <= bound,
        "{} bytes of input became {size} bytes; at most {bound} are in proportion",
        input.len()
    );
}

/// The same for texts that are plainly many: adding up is faster than showing.
pub(crate) fn texts_at_most<'a>(input: &[u8], texts: impl Iterator<Item = &'a str>, per_byte: usize) {
    let bound = FIXED + input.len() * per_byte;
    let size: usize = texts.map(str::len).sum();
    assert!(
        size <= bound,
        "{} bytes of input became texts of {size} bytes; at most {bound} are in proportion",
        input.len()
    );
}

fn size(value: &impl Debug) -> usize {
    let mut counter = Counter(0);
    write!(counter, "{value:?}").ok();
    counter.0
}

struct Counter(usize);

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
