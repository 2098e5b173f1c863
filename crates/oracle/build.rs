//! Generates the oracle's own messages from `proto/`: it shares no type with what it checks.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=../../proto/perennial");
    let files = protox::compile(
        ["perennial/account/v1/record.proto", "perennial/inbox/v1/record.proto"],
        ["../../proto"],
    )?;
    prost_build::Config::new().include_file("wire.rs").compile_fds(files)?;
    Ok(())
}
