//! PostgreSQL's server programs for a machine that has none: fetched once, checked, and kept.
//!
//! Invariant: what is unpacked has the hash that stands here, wherever it came from.

mod keep;
mod source;

use std::path::Path;

use anyhow::{Context, Result};
use chassis::postgres::private::Binaries;

const VERSION: &str = "17.6.0";

/// A build for one kind of machine, and the SHA-256 of its archive.
struct Build {
    os: &'static str,
    arch: &'static str,
    name: &'static str,
    sha256: &'static str,
}

const BUILDS: [Build; 4] = [
    Build {
        os: "linux",
        arch: "x86_64",
        name: "linux-amd64",
        sha256: "23da5a044b4fb7a5a081a45008c95749c873305328d73f86aefd56922ce1d29d",
    },
    Build {
        os: "linux",
        arch: "aarch64",
        name: "linux-arm64v8",
        sha256: "84427ea54a5238247924ef3b0f940e7d027e58760f19d7325242e50d22fa014a",
    },
    Build {
        os: "macos",
        arch: "x86_64",
        name: "darwin-amd64",
        sha256: "f1d6d39896ca48e65d6dbcb492d809df0d4952c65299de8af6e08d2208eae3e0",
    },
    Build {
        os: "macos",
        arch: "aarch64",
        name: "darwin-arm64v8",
        sha256: "e87ee36767dee4f00f829d7a52e4a216e2fdebe5934c5683730940aabe570721",
    },
];

/// The machine's own programs; else those fetched before into `shelf`; else those fetched now from a Maven repository,
/// if one is given.
pub(super) async fn binaries(shelf: &Path, repository: Option<&str>) -> Result<Binaries> {
    let missing = match Binaries::find() {
        Ok(found) => return Ok(found),
        Err(missing) => missing,
    };
    let home = shelf.join(format!("postgres-{VERSION}"));
    if let Some(kept) = Binaries::at(&home.join("bin")) {
        return Ok(kept);
    }
    let build =
        BUILDS.iter().find(|build| build.os == std::env::consts::OS && build.arch == std::env::consts::ARCH);
    let (Some(repository), Some(build)) = (repository, build) else { return Err(missing.into()) };
    println!(
        "This machine has no PostgreSQL server (15 or later). Fetching {VERSION} for {}, once, into {} \
         (--no-download refuses).",
        build.name,
        home.display()
    );
    let fetched = source::fetch(build, repository, source::MAVEN).await;
    let archive = fetched.with_context(|| format!("{missing}; and fetching them failed"))?;
    let into = home.clone();
    tokio::task::spawn_blocking(move || keep::unpacked(&archive, &into)).await??;
    Binaries::at(&home.join("bin")).context("the programs that were fetched do not run on this machine")
}
