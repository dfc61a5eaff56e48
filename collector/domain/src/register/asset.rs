//! An asset as a row of the register, and a row as an edit of an asset.

use std::collections::BTreeMap;

use super::record::Row;
use crate::model::{Asset, AssetClass, AssetState};

/// An asset to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetEdit {
    /// As it will be.
    pub asset: Asset,
    /// It is new.
    pub make: bool,
    /// Serials by which it is expected; `None` leaves them as they are.
    pub serials: Option<Vec<String>>,
}

/// The row of an asset. Those without a number are not in the register, but are shown with their id.
pub fn asset_cells(asset: &Asset, serials: &[String]) -> Row {
    let cells = [
        ("number", asset.number.as_deref().unwrap_or_default()),
        ("name", &asset.name),
        ("class", asset.class.name()),
        ("state", asset.state.name()),
        ("custodian", asset.custodian.as_deref().unwrap_or_default()),
        ("department", asset.department.as_deref().unwrap_or_default()),
        ("provider", asset.provider.as_deref().unwrap_or_default()),
        ("responsible", asset.responsible.as_deref().unwrap_or_default()),
        ("place", asset.place.as_deref().unwrap_or_default()),
        ("serials", &serials.join(", ")),
    ];
    let cells: BTreeMap<String, String> = cells
        .into_iter()
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
        .collect();
    Row {
        key: asset.number.clone().unwrap_or_default(),
        asset: Some(asset.id),
        cells,
        at: asset.created_at,
        by: String::new(),
    }
}

/// The edit that makes an asset what a row says; `known` is the asset as it is.
pub fn edited(row: &Row, known: Option<&Asset>) -> AssetEdit {
    let cell = |name: &str| Some(row.text(name).to_owned()).filter(|text| !text.is_empty());
    let make = known.is_none();
    let mut asset = known.cloned().unwrap_or_else(|| Asset::named(&row.key));
    asset.number = Some(row.key.clone());
    asset.provisional = false;
    if let Some(name) = cell("name") {
        asset.name = name;
    }
    asset.class = AssetClass::by_name(row.text("class")).unwrap_or(asset.class);
    asset.state = AssetState::by_name(row.text("state")).unwrap_or(asset.state);
    asset.custodian = cell("custodian");
    asset.department = cell("department");
    asset.provider = cell("provider");
    asset.responsible = cell("responsible");
    asset.place = cell("place");
    AssetEdit {
        asset,
        make,
        serials: Some(row.several("serials")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_comes_back_from_its_row() {
        let asset = Asset {
            number: Some("PC-1".into()),
            custodian: Some("王芳".into()),
            department: Some("财务部".into()),
            class: AssetClass::Outsourced,
            provider: Some("甲公司".into()),
            state: AssetState::InRepair,
            ..Asset::named("desk-1")
        };
        let row = asset_cells(&asset, &["pf2abc01".into(), "s4ew".into()]);
        let edit = edited(&row, Some(&asset));
        assert_eq!(edit.asset, asset);
        assert_eq!(edit.serials, Some(vec!["pf2abc01".into(), "s4ew".into()]));
        let new = edited(&row, None);
        assert!(new.make && new.asset.name == "desk-1");
    }
}
