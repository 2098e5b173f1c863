//! Where an archive comes from: a Maven repository, by HTTPS; else by the machine's own Maven client, which knows the
//! mirrors that are in use here.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use reqwest::{Client, Response};
use tokio::process::Command;

use super::{Build, VERSION, keep};

/// The binaries that zonky.io builds for tests in Java: an archive in an archive.
const GROUP: &str = "io.zonky.test.postgres";
/// The Maven client.
pub(super) const MAVEN: &str = "mvn";
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// Several times as much as the largest archive has.
const LARGEST: usize = 64 << 20;

impl Build {
    fn artifact(&self) -> String {
        format!("embedded-postgres-binaries-{}", self.name)
    }

    fn file(&self) -> String {
        format!("{}-{VERSION}.jar", self.artifact())
    }

    fn url(&self, repository: &str) -> String {
        let (base, group) = (repository.trim_end_matches('/'), GROUP.replace('.', "/"));
        format!("{base}/{group}/{}/{VERSION}/{}", self.artifact(), self.file())
    }
}

/// The archive with the build's hash.
pub(super) async fn fetch(build: &Build, repository: &str, maven: &str) -> Result<Vec<u8>> {
    let fault = match download(build, repository).await {
        Ok(archive) => return Ok(archive),
        Err(fault) => format!("{fault:#}"),
    };
    println!("That failed: {fault}");
    match by_maven(build, maven).await {
        Ok(Some(archive)) => Ok(archive),
        Ok(None) => bail!("{fault} (another repository or a mirror: --maven-repository URL)"),
        Err(error) => Err(error.context(fault).context("neither way worked")),
    }
}

/// Shows how far it is.
async fn download(build: &Build, repository: &str) -> Result<Vec<u8>> {
    let client = Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE).build()?;
    let answer = client.get(build.url(repository)).send().await?.error_for_status()?;
    let size = answer.content_length();
    let shown =
        size.map_or_else(|| "a size that it does not say".to_owned(), |size| DecimalBytes(size).to_string());
    println!("{} ({shown}) from {}", build.file(), answer.url());
    let progress = size.map_or_else(ProgressBar::no_length, ProgressBar::new);
    progress
        .set_style(ProgressStyle::with_template("{bar:40} {decimal_bytes} of {decimal_total_bytes}  {eta}")?);
    let archive = read(answer, &progress).await;
    progress.finish_and_clear();
    let archive = archive?;
    keep::check(&archive, build.sha256)?;
    Ok(archive)
}

async fn read(mut answer: Response, progress: &ProgressBar) -> Result<Vec<u8>> {
    let mut archive = Vec::new();
    while let Some(part) =
        answer.chunk().await.with_context(|| format!("it broke off after {} bytes", archive.len()))?
    {
        ensure!(archive.len() + part.len() <= LARGEST, "it is longer than {}", DecimalBytes(LARGEST as u64));
        archive.extend_from_slice(&part);
        progress.set_position(archive.len() as u64);
    }
    Ok(archive)
}

/// Nothing where there is no Maven client.
async fn by_maven(build: &Build, maven: &str) -> Result<Option<Vec<u8>>> {
    let artifact = format!("-Dartifact={GROUP}:{}:{VERSION}", build.artifact());
    let folder = tempfile::tempdir()?;
    let into = format!("-DoutputDirectory={}", folder.path().display());
    let mut command = Command::new(maven);
    command.args(["dependency:copy", &artifact, &into]).current_dir(folder.path()).kill_on_drop(true);
    let status = match command.status().await {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| maven.to_owned()),
    };
    ensure!(status.success(), "Maven ended with {status}");
    let file = folder.path().join(build.file());
    let archive =
        tokio::fs::read(&file).await.with_context(|| format!("Maven left no {}", file.display()))?;
    keep::check(&archive, build.sha256)?;
    Ok(Some(archive))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    use sha2::{Digest, Sha256};

    use super::{Build, fetch};

    const ARCHIVE: &[u8] = b"an archive";
    const NOBODY: &str = "/nowhere/mvn";

    /// Of the archive above.
    fn build() -> Build {
        let sha256: String = Sha256::digest(ARCHIVE).iter().map(|byte| format!("{byte:02x}")).collect();
        Build { os: "any", arch: "any", name: "test", sha256: sha256.leak() }
    }

    /// A repository that answers one request so, and what it was asked for.
    fn repository(answer: String) -> (String, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/maven2/", listener.local_addr().unwrap());
        let answered = std::thread::spawn(move || {
            let (mut caller, _) = listener.accept().unwrap();
            let mut asked = vec![0; 4096];
            let length = caller.read(&mut asked).unwrap();
            caller.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&asked[..length]).lines().next().unwrap().to_owned()
        });
        (url, answered)
    }

    fn answer(status: &str, length: usize, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
    }

    /// A Maven client that is a script; it finds the folder to copy to in `$into`.
    fn maven(folder: &std::path::Path, script: &str) -> String {
        let file = folder.join("mvn");
        std::fs::write(&file, format!("#!/bin/sh\ninto=\"${{3#-DoutputDirectory=}}\"\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file.display().to_string()
    }

    /// What comes of an answer where there is no Maven client.
    async fn check(answer: String, says: &str) {
        let (url, _) = repository(answer);
        let error = format!("{:#}", fetch(&build(), &url, NOBODY).await.unwrap_err());
        assert!(error.contains(says) && error.contains("--maven-repository"), "{error}");
    }

    #[tokio::test]
    async fn the_archive_is_downloaded_from_where_repositories_keep_it() {
        let (url, asked) = repository(answer("200 OK", ARCHIVE.len(), "an archive"));
        assert_eq!(fetch(&build(), &url, NOBODY).await.unwrap(), ARCHIVE);
        let name = "embedded-postgres-binaries-test";
        let path = format!("/maven2/io/zonky/test/postgres/{name}/17.6.0/{name}-17.6.0.jar");
        assert_eq!(asked.join().unwrap(), format!("GET {path} HTTP/1.1"));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_download_is_said() {
        check(answer("200 OK", 7, "another"), "has the SHA-256").await;
        check(answer("404 Not Found", 0, ""), "404 Not Found").await;
        check(answer("200 OK", ARCHIVE.len(), "an"), "it broke off after 2 bytes").await;
        check(String::new(), "error sending request").await;
    }

    #[tokio::test]
    async fn maven_is_asked_where_the_download_fails() {
        let folder = tempfile::tempdir().unwrap();
        let name = "embedded-postgres-binaries-test-17.6.0.jar";
        let copies = maven(folder.path(), &format!("printf 'an archive' > \"$into/{name}\""));
        let (url, _) = repository(answer("403 Forbidden", 0, ""));
        assert_eq!(fetch(&build(), &url, &copies).await.unwrap(), ARCHIVE);
    }

    #[tokio::test]
    async fn where_maven_fails_too_both_faults_are_said() {
        for (script, says) in [
            ("exit 3", "Maven ended with exit status: 3"),
            ("exit 0", "Maven left no"),
            (r#"printf x > "$into/embedded-postgres-binaries-test-17.6.0.jar""#, "has the SHA-256"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (url, _) = repository(answer("403 Forbidden", 0, ""));
            let failed = fetch(&build(), &url, &maven(folder.path(), script)).await;
            let error = format!("{:#}", failed.unwrap_err());
            assert!(error.contains(says) && error.contains("403 Forbidden"), "{error}");
        }
    }
}
