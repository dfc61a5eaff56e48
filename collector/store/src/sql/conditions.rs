//! Conditions that are put together while a page is asked for. Values are always bound, never written.

use deskwarden_domain::port::Paging;

use super::Cell;

/// Words of a search that are looked at.
const MOST_WORDS: usize = 8;
/// Most rows of a page, whatever is asked for.
const MOST_ROWS: u32 = 1_000;

/// A `WHERE` in the making.
pub(crate) struct Conditions<'a> {
    texts: Vec<String>,
    params: Vec<Owned<'a>>,
}

/// A bound value.
enum Owned<'a> {
    Cell(Cell<'a>),
    Pattern(String),
}

impl<'a> Conditions<'a> {
    /// No condition.
    pub(crate) const fn new() -> Self {
        Self {
            texts: Vec::new(),
            params: Vec::new(),
        }
    }

    /// Binds a value; its placeholder.
    pub(crate) fn bind(&mut self, cell: Cell<'a>) -> String {
        self.params.push(Owned::Cell(cell));
        format!("?{}", self.params.len())
    }

    /// Adds a condition.
    pub(crate) fn and(&mut self, condition: impl Into<String>) {
        self.texts.push(condition.into());
    }

    /// Binds words that may stand anywhere, for [`like`]; the placeholder.
    pub(crate) fn pattern(&mut self, words: &str) -> String {
        self.params.push(Owned::Pattern(pattern(words)));
        format!("?{}", self.params.len())
    }

    /// A text that is one of several.
    pub(crate) fn one_of(&mut self, column: &str, texts: &'a [String]) {
        let places: Vec<String> = texts.iter().map(|text| self.bind(Cell::Text(text))).collect();
        self.and(format!("{column} IN ({})", places.join(", ")));
    }

    /// A number that is one of several.
    pub(crate) fn one_of_numbers(&mut self, column: &str, numbers: impl Iterator<Item = i64>) {
        let places: Vec<String> = numbers.map(|number| self.bind(Cell::Int(number))).collect();
        if places.is_empty() {
            self.and("1 = 0");
        } else {
            self.and(format!("{column} IN ({})", places.join(", ")));
        }
    }

    /// Every word of `text` must be found; `test` makes the condition of a word's placeholder.
    pub(crate) fn words(&mut self, text: &str, test: impl Fn(&str) -> String) {
        for word in text.split_whitespace().take(MOST_WORDS) {
            let place = self.pattern(word);
            let condition = test(&place);
            self.texts.push(condition);
        }
    }

    /// `WHERE ...`, or nothing.
    pub(crate) fn sql(&self) -> String {
        if self.texts.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.texts.join(" AND "))
        }
    }

    /// The bound values.
    pub(crate) fn params(&self) -> Vec<Cell<'_>> {
        self.params
            .iter()
            .map(|param| match param {
                Owned::Cell(cell) => *cell,
                Owned::Pattern(text) => Cell::Text(text),
            })
            .collect()
    }
}

/// `column LIKE placeholder`, whatever the case of letters: as SQLite compares by itself, and PostgreSQL where
/// [`insensitive`] has gone over the statement. `LOWER` costs a search three times as much.
pub(crate) fn like(column: &str, placeholder: &str) -> String {
    format!("{column} LIKE {placeholder} ESCAPE '!'")
}

/// A statement in which what [`like`] wrote is what PostgreSQL calls it.
pub(crate) fn insensitive(sql: &str) -> String {
    sql.replace(" LIKE ?", " ILIKE ?")
}

/// The word anywhere.
fn pattern(word: &str) -> String {
    let mut pattern = String::with_capacity(word.len() + 2);
    pattern.push('%');
    for c in word.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

/// Limit and offset, as the last two parameters.
pub(crate) fn window(paging: Paging) -> [Cell<'static>; 2] {
    [
        Cell::Int(i64::from(paging.limit.min(MOST_ROWS))),
        Cell::Int(i64::try_from(paging.offset).unwrap_or(i64::MAX)),
    ]
}

/// A count as the pages have it.
pub(crate) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_patterns_are_taken_literally() {
        assert_eq!(pattern("50%_A!"), "%50!%!_a!!%");
    }

    #[test]
    fn every_word_is_bound() {
        let mut conditions = Conditions::new();
        let asset = conditions.bind(Cell::Int(3));
        conditions.and(format!("asset_id = {asset}"));
        conditions.words("qq  x", |word| like("name", word));
        assert_eq!(
            conditions.sql(),
            " WHERE asset_id = ?1 AND name LIKE ?2 ESCAPE '!' AND name LIKE ?3 ESCAPE '!'"
        );
        assert_eq!(
            conditions.params(),
            [Cell::Int(3), Cell::Text("%qq%"), Cell::Text("%x%")]
        );
    }
}
