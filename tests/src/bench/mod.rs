//! What every bench shares: the shape of a result and its file, the machine, medians, the CPU of whole programs, and
//! the page that is made of the results. Measures nothing by itself; the benches are in `benches/`.

mod cost;
pub mod inventory;
mod machine;
pub mod page;
pub mod processes;
pub mod resident;
mod result;
pub mod scale;
mod spread;
pub mod wire;

pub use cost::{Cost, cost, serve_cost};
pub use machine::Machine;
pub use result::{Budget, Figure, Finding, Limit, Report};
pub use spread::{median, percentile, rounded};
