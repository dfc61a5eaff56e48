//! The asset register and the books beside it: people and their accounts, transfers, work orders, providers and
//! their visits, licences, removable media, and by what departments are recognised. Owns their columns in both
//! languages, reading and planning of whole files, and the typed records that judging reads. Pure: files and
//! their formats are the collector's; what follows from a record is judging's.

mod asset;
mod book;
mod cell;
mod department;
mod directory;
mod fits;
mod plan;
mod read;
mod record;
mod transfer;

pub use asset::{AssetEdit, asset_cells, edited};
pub use book::{Book, Column, Kind};
pub use cell::{Known, choices, shown};
pub use department::{Candidate, Proposed, Reason, propose};
pub use plan::{Plan, preview};
pub use read::Imported;
pub use record::{
    DepartmentSign, Licence, Order, Papers, Person, Provider, Row, Sign, Subnet, Transfer, Visit,
    licence_subject, same_account,
};
pub use transfer::{Holder, complete, deciding, fallen_due};
