//! The dashboard against a real store in a folder of its own: what is let in, what is refused, what is shown.

mod channels;
mod house;
mod pages;
mod roles;
mod seed;
mod sign_in;
mod words;
