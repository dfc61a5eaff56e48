//! libFuzzer over one target, chosen by the environment variable `DESKWARDEN_FUZZ`. `tests/fuzz/run` builds it
//! with coverage and starts it; options of libFuzzer are its arguments. With `DESKWARDEN_FUZZ_SEEDS=FOLDER` it
//! writes what every target begins with below `FOLDER/NAME/` and ends.
#![no_main]
#![expect(clippy::panic, reason = "what is wrong here must stop the run")]

use std::{fs, path::Path, sync::OnceLock};

use anyhow::{Context as _, Result};
use deskwarden_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        if let Some(folder) = std::env::var_os("DESKWARDEN_FUZZ_SEEDS") {
            match write_seeds(Path::new(&folder)) {
                Ok(()) => std::process::exit(0),
                Err(error) => panic!("{error:#}"),
            }
        }
    },
    |bytes: &[u8]| {
        let target = TARGET.get_or_init(|| {
            let name = std::env::var("DESKWARDEN_FUZZ").unwrap_or_default();
            deskwarden_fuzz::target(&name).unwrap_or_else(|| panic!("DESKWARDEN_FUZZ={name:?} is no target"))
        });
        (target.check)(bytes);
    }
);

fn write_seeds(folder: &Path) -> Result<()> {
    for target in deskwarden_fuzz::targets() {
        let own = folder.join(target.name);
        fs::create_dir_all(&own).with_context(|| format!("{}: cannot be made", own.display()))?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            let file = own.join(format!("seed-{number:02}"));
            fs::write(&file, seed).with_context(|| format!("{}: cannot be written", file.display()))?;
        }
    }
    Ok(())
}
