//! Windows of lists: which rows, and the links to the next ones.

use deskwarden_domain::port::Paging;

use crate::web::form::link;

/// Rows of a page of a list.
pub(super) const ROWS: u32 = 50;

/// The window of a page of `rows` rows; pages count from 1.
pub(super) fn window(page: u64, rows: u32) -> Paging {
    Paging {
        offset: page.saturating_sub(1).saturating_mul(u64::from(rows)),
        limit: rows,
    }
}

/// Where a reader is in a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Pager {
    /// First row shown, from 1; 0 when there is none.
    pub(super) from: u64,
    /// Last row shown.
    pub(super) to: u64,
    /// Rows of the whole list.
    pub(super) total: u64,
    /// Address of the page before.
    pub(super) previous: Option<String>,
    /// Address of the page after.
    pub(super) next: Option<String>,
}

impl Pager {
    /// For a page of `shown` rows; `parameters` are those of the address without `page`.
    pub(super) fn new(
        path: &str,
        parameters: &[(&str, &str)],
        page: u64,
        rows: u32,
        shown: usize,
        total: u64,
    ) -> Self {
        let offset = window(page, rows).offset;
        let to = offset + shown as u64;
        let address = |page: u64| {
            let number = page.to_string();
            let mut all = parameters.to_vec();
            all.push(("page", if page > 1 { &number } else { "" }));
            link(path, &all)
        };
        Self {
            from: if shown == 0 { 0 } else { offset + 1 },
            to,
            total,
            previous: (page > 1).then(|| address(page - 1)),
            next: (to < total && shown > 0).then(|| address(page + 1)),
        }
    }

    /// Whether there is more than one page.
    pub(super) const fn several(&self) -> bool {
        self.previous.is_some() || self.next.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_filter_and_end_at_the_end() {
        let pager = Pager::new("/findings", &[("text", "QQ")], 2, 50, 50, 120);
        assert_eq!((pager.from, pager.to), (51, 100));
        assert_eq!(pager.previous.as_deref(), Some("/findings?text=QQ"));
        assert_eq!(pager.next.as_deref(), Some("/findings?text=QQ&page=3"));
        let last = Pager::new("/findings", &[], 3, 50, 20, 120);
        assert_eq!(last.next, None);
        let empty = Pager::new("/findings", &[], 1, 50, 0, 0);
        assert!(!empty.several());
        assert_eq!(empty.from, 0);
    }
}
