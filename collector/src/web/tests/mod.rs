//! The dashboard against a real store in a folder of its own: what is let in, what is refused, what is shown.

mod api;
mod audit;
mod channels;
mod compliance;
mod editor;
mod exports;
mod grid;
mod house;
mod inspections;
mod mine;
mod pages;
mod register;
mod roles;
mod rulings;
mod saved;
mod seed;
mod sight;
mod sign_in;
mod software;
mod subjects;
mod system;
mod tokens;
mod totp;
mod uploads;
mod users;
mod words;
