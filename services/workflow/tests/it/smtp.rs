//! A mail server on loopback, which takes letters as it is told.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(20);

/// A letter as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letter {
    pub(crate) to: String,
    /// Headers unfolded, and the rest as it came.
    pub(crate) data: String,
}

impl Letter {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.data.split("\n\n").next().unwrap_or_default();
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) struct MailServer {
    address: SocketAddr,
    letters: mpsc::UnboundedReceiver<Letter>,
}

impl MailServer {
    /// Answers `RCPT` with these, one after the other, then with 250.
    pub(crate) async fn start<const N: usize>(answers: [&'static str; N]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, letters) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        chassis::Tasks::new().spawn_once("mail server", async move {
            loop {
                let (stream, _) = listener.accept().await?;
                // Who hangs up has gone; the next is served.
                let _gone = converse(stream, &answers, &sender).await;
            }
        });
        Ok(Self { address, letters })
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    pub(crate) async fn letter(&mut self) -> anyhow::Result<Letter> {
        timeout(SOON, self.letters.recv()).await.context("no letter")?.context("the server is gone")
    }
}

async fn converse(
    stream: TcpStream,
    answers: &Mutex<VecDeque<&'static str>>,
    letters: &mpsc::UnboundedSender<Letter>,
) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 here\r\n").await?;
    let mut letter = Letter::default();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let answer = match line.split([' ', ':', '\r']).next().unwrap_or_default() {
            "EHLO" | "HELO" => "250 here",
            "RCPT" => {
                letter.to = line.trim().to_owned();
                answers.lock().map_or(None, |mut answers| answers.pop_front()).unwrap_or("250 ok")
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                letter.data = data(&mut stream).await?;
                letters.send(std::mem::take(&mut letter))?;
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

async fn data(stream: &mut BufReader<TcpStream>) -> anyhow::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(data.replace("\r\n", "\n").replace("\n ", " ").replace("=\n", ""));
        }
        data.push_str(&line);
    }
}
