//! `GET /ledger/grid`: a subnet as a table of sixteen columns, a cell per address. What an address is used for stands in
//! the cell as a mark and as words; a cell leads to the finding, the machine, or a search for the address.

use std::collections::BTreeMap;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use deskwarden_domain::{
    ledger::{Place, Subnet, Use},
    model::AssetId,
    port::{AssetFilter, Paging},
};

use super::{Asked, render};
use crate::web::{
    error::WebError,
    form::link,
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

/// Columns of the table.
const COLUMNS: usize = 16;
/// Names of machines that are asked for at once.
const NAMES: u32 = 500;
/// Longest thing that is typed into the field.
const LONGEST: usize = 40;

#[derive(Template)]
#[template(path = "ledger_grid.html")]
struct GridPage {
    p: Page,
    /// What was typed.
    net: String,
    faulty: bool,
    title: String,
    before: Option<String>,
    after: Option<String>,
    columns: Vec<usize>,
    rows: Vec<Row>,
    /// Mark, name in the locales, and how many addresses.
    tally: Vec<(&'static str, &'static str, usize)>,
}

struct Row {
    first: String,
    cells: Vec<Cell>,
}

struct Cell {
    address: String,
    last: u8,
    used: &'static str,
    mark: &'static str,
    whose: Option<Agent>,
    to: String,
}

/// The subnet of `net`; without one that of the ledger's first entry.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let typed: String = asked
        .query
        .some("net")
        .unwrap_or_default()
        .chars()
        .take(LONGEST)
        .collect();
    let subnet = if typed.is_empty() {
        first(&state).await?
    } else {
        Subnet::parse(&typed)
    };
    let p = asked.page(&state, "/ledger");
    let Some(subnet) = subnet else {
        let faulty = !typed.is_empty();
        let mut response = render(&GridPage {
            p,
            net: typed,
            faulty,
            title: String::new(),
            before: None,
            after: None,
            columns: Vec::new(),
            rows: Vec::new(),
            tally: Vec::new(),
        })?;
        if faulty {
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        }
        return Ok(response);
    };
    let (places, names) = state
        .ask(move |store| {
            let known = store.addresses(subnet)?;
            let places = subnet.places(&known, &store.dhcp_ranges()?);
            let mut among: Vec<AssetId> = places.iter().filter_map(|place| place.asset).collect();
            among.sort_unstable();
            among.dedup();
            let mut names = BTreeMap::new();
            for some in among.chunks(NAMES as usize) {
                let filter = AssetFilter {
                    among: Some(some.to_vec()),
                    ..AssetFilter::default()
                };
                let paging = Paging {
                    offset: 0,
                    limit: NAMES,
                };
                let found = store.assets(&filter, paging)?;
                names.extend(found.rows.into_iter().map(|row| (row.asset.id, row.asset.name)));
            }
            Ok((places, names))
        })
        .await?;
    let count = |used: Use| places.iter().filter(|place| place.used == used).count();
    let [before, after] = subnet.beside().map(|one| one.map(|one| address_of(&one)));
    let columns = COLUMNS.min(places.len());
    render(&GridPage {
        net: subnet.to_string(),
        faulty: false,
        title: subnet.to_string(),
        before,
        after,
        columns: (0..columns).collect(),
        tally: Use::ALL
            .into_iter()
            .map(|used| (used.mark(), used.name(), count(used)))
            .filter(|(_, _, count)| *count > 0)
            .collect(),
        rows: places
            .chunks(COLUMNS)
            .map(|places| Row {
                first: places
                    .first()
                    .map(|place| place.address.to_string())
                    .unwrap_or_default(),
                cells: places.iter().map(|place| cell(place, &names)).collect(),
            })
            .collect(),
        p,
    })
}

/// The address of the grid of a subnet.
pub(super) fn address_of(subnet: &Subnet) -> String {
    link("/ledger/grid", &[("net", &subnet.to_string())])
}

async fn first(state: &WebState) -> Result<Option<Subnet>, WebError> {
    let found = state
        .ask(|store| store.ledger(Paging { offset: 0, limit: 1 }))
        .await?;
    Ok(found.rows.first().and_then(|entry| Subnet::parse(&entry.address)))
}

fn cell(place: &Place, names: &BTreeMap<AssetId, String>) -> Cell {
    let address = place.address.to_string();
    // A name that is not found is that of a machine which was merged into another.
    let name = place.asset.and_then(|asset| names.get(&asset));
    let to = match (place.finding, place.asset) {
        (Some(finding), _) => format!("/findings/{finding}"),
        (None, Some(asset)) => format!("/assets/{}", asset.0),
        (None, None) => link("/assets", &[("text", &address)]),
    };
    Cell {
        last: place.address.octets()[3],
        used: place.used.name(),
        mark: place.used.mark(),
        whose: name.or(place.owner.as_ref()).map(|text| agent_text(text)),
        address,
        to,
    }
}
