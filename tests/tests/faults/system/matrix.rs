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
        assert!(
            file.contains("faults::tell(") && file.contains(&format!("\"{}\"", row.id)),
            "{} tells no figure of {}",
            row.file,
            row.id
        );
    }
    let (file, page) = (root.join(faults::KEPT), root.join("deploy/docs/faults.md"));
    let figures = fs::read_to_string(&file).unwrap_or_default();
    if std::env::var_os("DESKWARDEN_DOCUMENT").is_some() {
        let figures = faults::renewed(&figures);
        fs::write(page, faults::page(&figures)).unwrap();
        fs::write(file, figures).unwrap();
        return;
    }
    let kept = faults::kept(&figures);
    for row in faults::ROWS {
        assert!(kept.contains_key(row.id), "{}: no figure is kept", row.id);
    }
    let made = faults::page(&figures);
    assert_eq!(
        fs::read_to_string(page).unwrap(),
        made,
        "renew the page as it says itself"
    );
}
