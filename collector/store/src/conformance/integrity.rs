//! A walk over the content: nothing is found where everything is as it was stored, by parts of any size.

use deskwarden_domain::{
    model::Device,
    port::{ContentLook, ContentPlace, Op, Store},
};
use deskwarden_proto::{
    decode::SourceReport,
    digest,
    v1::{Look, Section},
};

use super::{
    Bench,
    world::{NOW, apply, enrolled, id, put, put_op},
};

/// A device with so many items and a source, and sums that agree.
pub fn filled(store: &dyn Store, number: u32, items: u32) -> Device {
    let device = enrolled(store, number);
    let mut sum = digest::source(Section::Software, "dpkg", Look::Looked, "");
    let mut ops = vec![Op::Source {
        device: device.id,
        report: SourceReport {
            section: Section::Software,
            source: "dpkg".into(),
            look: Look::Looked,
            reason: String::new(),
        },
        at: NOW,
        first_looked_at: Some(NOW),
    }];
    for item in 0..items {
        let (id, facet) = (
            id(Section::Software, "dpkg", &format!("title-{item}")),
            format!("facet {item}"),
        );
        sum = sum.wrapping_add(put(id.clone(), facet.as_bytes()).digest);
        ops.push(put_op(&device, id, facet.as_bytes(), NOW));
    }
    ops.push(Op::Sum {
        device: device.id,
        section: Section::Software,
        digest: sum,
        count: u64::from(items),
    });
    apply(store, ops);
    device
}

/// Walks over everything, so many rows at a time.
pub fn walked(store: &dyn Store, limit: u32) -> ContentLook {
    let mut all = ContentLook::default();
    let mut next = Some(ContentPlace::default());
    while let Some(place) = next {
        let look = store.check_content(place, limit).unwrap();
        all.rows += look.rows;
        all.faults.extend(look.faults);
        next = look.next;
    }
    all
}

pub fn what_is_as_it_was_stored_has_no_faults(bench: &dyn Bench) {
    let store = bench.open();
    assert_eq!(
        walked(store.as_ref(), 10),
        ContentLook::default(),
        "an empty store"
    );
    for number in 1..=5 {
        filled(store.as_ref(), number, 7);
    }
    for limit in [1, 2, 5, 7, 100] {
        let look = walked(store.as_ref(), limit);
        assert_eq!(look.faults, Vec::<String>::new(), "{limit} at a time");
        assert_eq!(look.rows, 7 + 5 * 7, "contents that are shared, and items");
    }
    assert_eq!(store.check_structure().unwrap(), Vec::<String>::new());
}
