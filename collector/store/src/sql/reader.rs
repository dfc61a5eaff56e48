//! Reading a row column after column, with messages that name the column that cannot be read.

use deskwarden_domain::port::{StoreError, StoreResult};

use super::Cell;

/// The columns of a row.
pub(crate) trait Columns {
    /// The column at a position, from 0.
    fn cell(&self, index: usize) -> StoreResult<Cell<'_>>;
}

/// Reads columns in order.
pub(crate) struct Reader<'r> {
    columns: &'r dyn Columns,
    next: usize,
}

impl<'r> Reader<'r> {
    /// At the first column.
    pub(crate) fn new(columns: &'r dyn Columns) -> Self {
        Self { columns, next: 0 }
    }

    fn next(&mut self) -> StoreResult<Cell<'r>> {
        let cell = self.columns.cell(self.next)?;
        self.next += 1;
        Ok(cell)
    }

    fn wrong<T>(&self, expected: &str) -> StoreResult<T> {
        let column = self.next;
        Err(StoreError::Damaged(format!(
            "column {column} of a row should be {expected} but is not: was the database changed by hand or by another build?"
        )))
    }

    /// Whether the next column is empty; moves on only if it is, or if `skip` columns are to be left out.
    pub(crate) fn absent(&mut self, skip: usize) -> StoreResult<bool> {
        let empty = self.columns.cell(self.next)? == Cell::Null;
        if empty {
            self.next += skip;
        }
        Ok(empty)
    }

    /// A number.
    pub(crate) fn int(&mut self) -> StoreResult<i64> {
        match self.next()? {
            Cell::Int(value) => Ok(value),
            _ => self.wrong("a number"),
        }
    }

    /// A number or nothing.
    pub(crate) fn opt_int(&mut self) -> StoreResult<Option<i64>> {
        match self.next()? {
            Cell::Int(value) => Ok(Some(value)),
            Cell::Null => Ok(None),
            _ => self.wrong("a number or empty"),
        }
    }

    /// A number that fits.
    pub(crate) fn small<T: TryFrom<i64>>(&mut self) -> StoreResult<T> {
        let value = self.int()?;
        T::try_from(value).or_else(|_| self.wrong("a number in its range"))
    }

    /// A number that fits, or nothing.
    pub(crate) fn opt_small<T: TryFrom<i64>>(&mut self) -> StoreResult<Option<T>> {
        match self.opt_int()? {
            Some(value) => T::try_from(value)
                .map(Some)
                .or_else(|_| self.wrong("a number in its range")),
            None => Ok(None),
        }
    }

    /// A number written with [`Cell::bits`].
    pub(crate) fn bits(&mut self) -> StoreResult<u64> {
        Ok(self.int()?.cast_unsigned())
    }

    /// A gauge.
    pub(crate) fn real(&mut self) -> StoreResult<f64> {
        match self.next()? {
            Cell::Real(value) => Ok(value),
            _ => self.wrong("a gauge"),
        }
    }

    /// A flag.
    pub(crate) fn flag(&mut self) -> StoreResult<bool> {
        Ok(self.int()? != 0)
    }

    /// Words.
    pub(crate) fn text(&mut self) -> StoreResult<&'r str> {
        match self.next()? {
            Cell::Text(value) => Ok(value),
            _ => self.wrong("text"),
        }
    }

    /// Words to keep.
    pub(crate) fn string(&mut self) -> StoreResult<String> {
        self.text().map(str::to_owned)
    }

    /// Words to keep, or nothing.
    pub(crate) fn opt_string(&mut self) -> StoreResult<Option<String>> {
        match self.next()? {
            Cell::Text(value) => Ok(Some(value.to_owned())),
            Cell::Null => Ok(None),
            _ => self.wrong("text or empty"),
        }
    }

    /// A value by the name that it is stored under.
    pub(crate) fn named<T>(&mut self, by_name: impl Fn(&str) -> Option<T>) -> StoreResult<T> {
        let text = self.text()?;
        by_name(text).map_or_else(|| self.wrong("one of the names that this build knows"), Ok)
    }

    /// A value by name, or nothing.
    pub(crate) fn opt_named<T>(&mut self, by_name: impl Fn(&str) -> Option<T>) -> StoreResult<Option<T>> {
        if self.absent(1)? {
            Ok(None)
        } else {
            self.named(by_name).map(Some)
        }
    }

    /// A value by the number that the contract gives it.
    pub(crate) fn numbered<T: TryFrom<i32>>(&mut self) -> StoreResult<T> {
        let number: i32 = self.small()?;
        T::try_from(number).or_else(|_| self.wrong("one of the numbers that this build knows"))
    }

    /// Bytes.
    pub(crate) fn blob(&mut self) -> StoreResult<&'r [u8]> {
        match self.next()? {
            Cell::Blob(value) => Ok(value),
            _ => self.wrong("bytes"),
        }
    }

    /// Bytes or nothing.
    pub(crate) fn opt_blob(&mut self) -> StoreResult<Option<&'r [u8]>> {
        match self.next()? {
            Cell::Blob(value) => Ok(Some(value)),
            Cell::Null => Ok(None),
            _ => self.wrong("bytes or empty"),
        }
    }

    /// Bytes of a fixed length.
    pub(crate) fn array<const N: usize>(&mut self) -> StoreResult<[u8; N]> {
        let bytes = self.blob()?;
        bytes.try_into().or_else(|_| self.wrong("bytes of its length"))
    }

    /// Bytes of a fixed length, or nothing.
    pub(crate) fn opt_array<const N: usize>(&mut self) -> StoreResult<Option<[u8; N]>> {
        match self.opt_blob()? {
            Some(bytes) => bytes
                .try_into()
                .map(Some)
                .or_else(|_| self.wrong("bytes of its length")),
            None => Ok(None),
        }
    }

    /// A digest.
    pub(crate) fn wide(&mut self) -> StoreResult<u128> {
        self.array().map(u128::from_be_bytes)
    }
}
