//! Section `media`: USB storage, by where it was learned.

mod history;
mod usb;

pub(super) use history::History;
pub(super) use usb::Usb;
