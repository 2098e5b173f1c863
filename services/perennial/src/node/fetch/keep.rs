//! Archives on the shelf: checked, unpacked, and laid there whole.

use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use lzma_rust2::XzReader;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

/// Fails unless the archive is the one that has this hash.
pub(super) fn check(archive: &[u8], sha256: &str) -> Result<()> {
    let found: String = Sha256::digest(archive).iter().map(|byte| format!("{byte:02x}")).collect();
    if found != sha256 {
        bail!("what was fetched has the SHA-256 {found}, not {sha256}");
    }
    Ok(())
}

/// Unpacks beside its place and then moves there: who finds it finds it whole.
pub(super) fn unpacked(archive: &[u8], home: &Path) -> Result<()> {
    let fresh = PathBuf::from(format!("{}.new-{}", home.display(), std::process::id()));
    let laid = lay(archive, &fresh, home);
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with_context(|| format!("cannot remove {}", fresh.display()))?;
    }
    laid
}

fn lay(archive: &[u8], fresh: &Path, home: &Path) -> Result<()> {
    fs::create_dir_all(fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    unpack(archive, fresh).with_context(|| format!("cannot unpack into {}", fresh.display()))?;
    match fs::rename(fresh, home) {
        // Another process was faster, or there is a fault.
        Err(error) if !home.exists() => {
            Err(error).with_context(|| format!("cannot move to {}", home.display()))
        }
        _ => Ok(()),
    }
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
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::unpacked;

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

    #[test]
    fn what_was_fetched_is_kept_whole() {
        let shelf = tempfile::tempdir().unwrap();
        let home = shelf.path().join("postgres-1");
        for _ in 0..2 {
            unpacked(&archive(), &home).unwrap();
            assert_eq!(std::fs::read(home.join("bin/postgres")).unwrap(), b"program");
        }
        assert_eq!(std::fs::read_dir(shelf.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_unpacked_leaves_nothing() {
        let shelf = tempfile::tempdir().unwrap();
        unpacked(b"no archive", &shelf.path().join("postgres-1")).unwrap_err();
        assert_eq!(std::fs::read_dir(shelf.path()).unwrap().count(), 0);
    }
}
