//! Deskwarden's collector: receives what agents report, has it judged, stores it, shows it, alerts.
//! The binary is wiring over this library; what is pure lives in `deskwarden-domain`, SQL in
//! `deskwarden-store`.

pub mod actions;
pub mod admissions;
pub mod app;
pub mod approvals;
pub mod arrivals;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod company;
pub mod config;
pub mod data;
pub mod demo;
pub mod entropy;
pub mod grpc;
pub mod ingest;
pub mod inspections;
pub mod ledger;
pub mod meter;
pub mod net;
pub mod notices;
pub mod notify;
pub mod observation;
pub mod outbound;
pub mod password;
pub mod people;
pub mod pki;
pub mod places;
pub mod register;
pub mod rule_editor;
pub mod rules_dir;
pub mod service;
pub mod sheet;
pub mod staff_notice;
pub mod subject;
pub mod supervise;
pub mod task;
pub mod updates;
pub mod vouch;
pub mod web;
