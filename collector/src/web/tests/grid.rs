//! A subnet as a grid: every use in words, every cell a link, faults told.

use axum::http::StatusCode;
use deskwarden_domain::{
    ledger::Observation,
    model::{DhcpRange, LedgerEntry, Role},
};

use super::house::{House, audit};
use crate::ledger;

fn entry(address: &str, owner: &str) -> LedgerEntry {
    LedgerEntry {
        prefix: Some(24),
        gateway: Some("10.1.2.1".into()),
        owner: Some(owner.into()),
        ..LedgerEntry::of(address.into())
    }
}

#[test]
fn a_subnet_is_a_table_whose_cells_say_in_words_what_they_are() {
    let house = House::new();
    house
        .store
        .edit_ledger(
            &[entry("10.1.2.8", "<b>王芳</b>"), entry("10.1.2.9", "李四")],
            &[],
            &audit(),
        )
        .unwrap();
    let seen = ["10.1.2.9", "10.1.2.20"].map(|address| Observation {
        ip: address.parse().unwrap(),
        mac: "02:00:00:00:00:09".into(),
        name: String::new(),
    });
    ledger::observe(house.store.as_ref(), "core switch", &seen, "cli", 1).unwrap();
    let range = DhcpRange {
        first: "10.1.2.20".into(),
        last: "10.1.2.29".into(),
        name: "guests".into(),
    };
    house.store.put_dhcp_ranges(&[range], &audit()).unwrap();
    let mut wang = house.person("wang", &[Role::Technician]);
    wang.lang = "en";
    let ledger = wang.get("/ledger").body;
    assert!(
        ledger.contains("/ledger/grid?net=10.1.2.0%2F24"),
        "the ledger leads there"
    );
    let page = wang.get("/ledger/grid?net=10.1.2.77");
    assert_eq!(page.status, StatusCode::OK);
    let body = page.body;
    assert_eq!(body.matches("<td class=\"use ").count(), 256);
    assert_eq!(
        body.matches("<td class=\"use ").count(),
        body.matches("<span class=\"hidden-words\">10.1.2.").count()
    );
    for (address, words) in [
        ("10.1.2.1", "gateway"),
        ("10.1.2.8", "assigned, not seen"),
        ("10.1.2.9", "assigned, in use"),
        ("10.1.2.20", "of DHCP, in use"),
        ("10.1.2.21", "of DHCP"),
        ("10.1.2.0", "network or broadcast"),
        ("10.1.2.200", "free"),
    ] {
        let said = format!("<span class=\"hidden-words\">{address} {words}");
        assert!(body.contains(&said), "{said}");
    }
    assert!(!body.contains("<b>王芳"), "what is in the ledger is text");
    assert!(body.contains("href=\"/ledger/grid?net=10.1.3.0%2F24\""));
    let wide = wang.get("/ledger/grid?net=10.1.0.0/16").body;
    assert_eq!(wide.matches("<td class=\"use ").count(), 1_024);
    // Without a word the ledger's first subnet.
    assert!(wang.get("/ledger/grid").body.contains("10.1.2.0/24"));
}

#[test]
fn what_is_no_subnet_comes_back_with_what_was_typed() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    assert_eq!(wang.get("/ledger/grid").status, StatusCode::OK, "an empty ledger");
    for text in ["x%3Cscript%3E", "10.1.2.0/33", "fe80::1", "1"] {
        let page = wang.get(&format!("/ledger/grid?net={text}"));
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        assert!(page.body.contains("id=\"fault-net\"") && !page.body.contains("<script>"));
    }
}

#[test]
fn an_address_in_breach_is_proposed_but_not_accepted_with_all_others() {
    let house = House::new();
    super::seed::machine(&house, 1, &super::seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    wang.lang = "en";
    let page = wang.get("/ledger").body;
    assert!(
        page.contains("10.1.2.66") && page.contains("An open finding is about it"),
        "{page}"
    );
    let entries = || {
        let paging = deskwarden_domain::port::Paging { offset: 0, limit: 9 };
        let found = house.store.ledger(paging).unwrap().rows;
        found.into_iter().map(|entry| entry.address).collect::<Vec<_>>()
    };
    wang.post("/ledger", &[("action", "accept_all")]);
    assert_eq!(entries(), Vec::<String>::new());
    wang.post("/ledger", &[("action", "accept"), ("address", "10.1.2.66")]);
    assert_eq!(entries(), ["10.1.2.66"]);
}
