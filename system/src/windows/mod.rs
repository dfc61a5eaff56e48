//! Windows: each part in a file of its own.

mod acl;
mod beneath;
pub mod dll;
mod end;
mod event_log;
mod heap;
mod machine;
mod own_files;
mod private;
mod privileges;
mod service;
pub mod wide;

pub use dll::guard_libraries;
pub use end::Ends;
pub use event_log::log_event;
pub use heap::{keep_heap_small, release_heap};
pub use machine::{machine_name, program_data, raise_open_files, room};
pub use own_files::{
    check_file, check_folder, create_private, create_private_as, create_private_dir, file_number,
    lock_folder, open_private, shut, shut_file, sync_dir,
};
pub use private::{ensure_private_dir, publish, read_trusted, write_private};
pub use service::{Service, serve};
