//! The page of the matrix says what its rows and the kept figures say, and every row has its test.

use std::fs;

use deskwarden_tests::{architecture::tree, faults};

#[test]
fn every_row_has_a_test_and_the_page_is_made_of_them() {
    let root = tree::root();
    for row in faults::ROWS {
        let file = fs::read_to_string(root.join(row.file)).unwrap();
        assert!(
            file.contains(&format!("fn {}(", row.test)),
            "{}: {}",
            row.file,
            row.test
        );
    }
    let (kept, page) = (root.join(faults::KEPT), root.join("deploy/docs/faults.md"));
    let figures = fs::read_to_string(&kept).unwrap_or_default();
    if std::env::var_os("DESKWARDEN_DOCUMENT").is_some() {
        let figures = faults::renewed(&figures);
        fs::write(page, faults::page(&figures)).unwrap();
        fs::write(kept, figures).unwrap();
        return;
    }
    let made = faults::page(&figures);
    assert_eq!(
        fs::read_to_string(page).unwrap(),
        made,
        "renew the page as it says itself"
    );
}
