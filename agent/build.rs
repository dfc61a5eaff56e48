//! Links what the packaging made into the program: on Windows, its names, version and manifest. Without such an object
//! nothing is done.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DESKWARDEN_RESOURCE");
    if let Ok(object) = std::env::var("DESKWARDEN_RESOURCE")
        && !object.is_empty()
    {
        println!("cargo:rustc-link-arg-bins={object}");
    }
}
