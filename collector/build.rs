//! Lists the built-in rule files for the binary, so that a pack is added by adding its file, and links what the packaging
//! made into the program: on Windows, its names, version and manifest.

use std::{env, error::Error, fmt::Write as _, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("rules");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    let mut list = String::from("&[\n");
    for path in files {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or("a rule file's name is not UTF-8")?;
        writeln!(
            list,
            "    BuiltIn {{ name: {name:?}, content: include_str!({:?}) }},",
            path.display().to_string()
        )?;
    }
    list.push_str("]\n");
    println!("cargo::rerun-if-env-changed=DESKWARDEN_RESOURCE");
    if let Ok(object) = env::var("DESKWARDEN_RESOURCE")
        && !object.is_empty()
    {
        println!("cargo::rustc-link-arg-bins={object}");
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("built_in.rs"), list)?;
    Ok(())
}
