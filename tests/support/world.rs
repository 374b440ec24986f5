//! A whole world for one story: the real `lore serve` on its own data folder and free ports. The
//! starter scripts are built once for all stories, content can be changed before the start.

use super::http_server::Answer;
use super::socket::{PATIENCE, Socket};
use crate::live::{lore, root};
use reqwest::Method;
use runtime::abuse::Policy;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a server may take to come up, and to say what a story waits for.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// Folder of the starter components; the first call builds them.
pub fn pack() -> &'static Path {
    static PACK: OnceLock<PathBuf> = OnceLock::new();
    PACK.get_or_init(|| {
        let output = lore().args(["build", "--json"]).current_dir(root()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let built: Value = serde_json::from_slice(&output.stdout).unwrap();
        Path::new(built["scripts"][0]["path"].as_str().unwrap()).parent().unwrap().to_owned()
    })
}

/// A copy of a folder of the project, to change.
pub struct Copied {
    folder: PathBuf,
    _kept: Option<TempDir>,
}

impl Copied {
    /// A copy of the starter content.
    pub fn content() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().join("content");
        copy_sources(&root().join("content"), &folder);
        Self { folder, _kept: Some(kept) }
    }

    /// A copy of a folder below `root`, into `to`.
    pub fn into(name: &str, to: &Path) -> Self {
        let folder = to.join(name);
        copy_sources(&root().join(name), &folder);
        Self { folder, _kept: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Replaces the first `from` in a file by `to`.
    pub fn replace(&self, file: &str, from: &str, to: &str) -> &Self {
        let path = self.folder.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} no longer holds {from:?}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
        self
    }
}

fn copy_sources(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == "target" || entry.file_name() == "node_modules" => {}
            true => copy_sources(&entry.path(), &target),
            false => {
                // What did not change keeps its time, so that nothing is built for it.
                let new = std::fs::read(entry.path()).unwrap();
                if std::fs::read(&target).ok().as_ref() != Some(&new) {
                    std::fs::write(target, new).unwrap();
                }
            }
        }
    }
}

/// How a world is started.
#[derive(Clone)]
pub struct Setup {
    /// Instead of the starter content.
    content: Option<Arc<Copied>>,
    settings: Vec<(String, String)>,
    data: Arc<TempDir>,
    /// A copy of the project to run in, which builds the scripts there.
    project: Option<PathBuf>,
    /// Whether it watches that one.
    is_dev: bool,
    /// Instead of the starter scripts.
    pack: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        let data = Arc::new(tempfile::tempdir().unwrap());
        // Stories ask more in a minute than players do.
        let settings = vec![("LORE_LIMITS_HTTP_REQUESTS".to_owned(), "100000/min burst 100000".to_owned())];
        Self { content: None, settings, data, project: None, is_dev: false, pack: None }
    }
}

impl Setup {
    /// Another content than the starter's.
    pub fn content(mut self, content: Copied) -> Self {
        self.content = Some(Arc::new(content));
        self
    }

    /// A `LORE_*` variable.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A limit of `docs/limits.md`: `connection.chat`.
    pub fn limit(self, name: &str, value: &str) -> Self {
        let variable = format!("LORE_LIMITS_{}", name.replace(['.', '-'], "_").to_uppercase());
        self.setting(&variable, value)
    }

    /// Nobody is slowed down or banned: for stories that ask more in a second than players do.
    pub fn unlimited(self) -> Self {
        let rates = Policy::default().limits().into_iter().map(|(name, _)| name);
        let rates = rates.filter(|name| name.starts_with("connection.") || name.starts_with("account."));
        let open = rates.fold(self, |setup, name| match name.as_str() {
            "connection.messages" => setup.limit(&name, "100000/s burst 120"),
            _ => setup.limit(&name, "100000/s burst 100000"),
        });
        open.limit("score.account-threshold", "1000000000")
    }

    /// `lore serve --dev` inside this copy of the project, which builds the scripts there.
    pub fn dev_in(mut self, workspace: &Path) -> Self {
        self.project = Some(workspace.to_owned());
        self.is_dev = true;
        self
    }

    /// Other components than the starter's.
    pub fn pack(mut self, pack: &Path) -> Self {
        self.pack = Some(pack.to_owned());
        self
    }

    /// Starts the server.
    pub fn start(self) -> World {
        let mut command = lore();
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.arg("--data").arg(self.data.path()).envs(self.settings.iter().cloned());
        let starter = root().join("content");
        let content = self.content.as_ref().map_or(starter.as_path(), |content| content.path());
        match &self.project {
            Some(workspace) => command.args(self.is_dev.then_some("--dev")).current_dir(workspace),
            None => {
                let pack = self.pack.as_deref().unwrap_or_else(|| pack());
                command.arg("--pack").arg(pack).arg("--content").arg(content).current_dir(root())
            }
        };
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let (tell, told) = mpsc::channel();
        read_on(child.stdout.take().unwrap(), move |line| {
            // Nobody waits for anything but the first line.
            let _ = tell.send(line);
        });
        let log = Log::default();
        let lines = Arc::clone(&log.0);
        read_on(child.stderr.take().unwrap(), move |line| lines.lock().unwrap().push(line));
        let mut world = World {
            child,
            log,
            http: String::new(),
            ws: String::new(),
            admin: String::new(),
            client: reqwest::Client::new(),
            setup: self,
        };
        let patience = if world.setup.project.is_some() { START_PATIENCE * 7 } else { START_PATIENCE };
        let bound: Value = match told.recv_timeout(patience) {
            Ok(line) => serde_json::from_str(&line).unwrap(),
            Err(_) => panic!("lore serve told no addresses"),
        };
        let (listen, admin) = (bound["listen"].as_str().unwrap(), bound["admin"].as_str().unwrap());
        world.http = format!("http://{listen}");
        world.ws = format!("ws://{listen}/v1/world/ws");
        world.admin = format!("http://{admin}");
        world
    }
}

/// Reads a pipe to its end on a thread, so that the server never blocks on it.
fn read_on(pipe: impl Read + Send + 'static, mut on: impl FnMut(String) + Send + 'static) {
    std::thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).for_each(&mut on));
}

/// What a server has said on standard error.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

/// A running server.
pub struct World {
    child: Child,
    log: Log,
    /// `http://HOST:PORT` of the players' listener.
    pub http: String,
    /// `ws://HOST:PORT/v1/world/ws`.
    pub ws: String,
    /// `http://HOST:PORT` of the operators' listener.
    pub admin: String,
    client: reqwest::Client,
    setup: Setup,
}

/// An account with a character.
#[derive(Clone, Debug)]
pub struct Hero {
    /// Access token.
    pub token: String,
    /// Key of the character.
    pub character: i64,
    /// Its name.
    pub name: String,
}

impl World {
    /// The starter world.
    pub fn start() -> Self {
        Setup::default().start()
    }

    /// A request to the players' listener.
    pub async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        let mut request = self.client.post(format!("{}{path}", self.http)).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request).await
    }

    /// A request to the operators' listener, with the token of the data folder.
    pub fn operator(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let token = std::fs::read_to_string(self.data().join("admin-token")).unwrap();
        self.client.request(method, format!("{}{path}", self.admin)).bearer_auth(token.trim())
    }

    /// A new guest; its access token.
    pub async fn guest(&self) -> String {
        let answer = self.post("/v1/auth/guest", None, json!({})).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    /// A new guest with a character.
    pub async fn hero(&self, class: &str) -> Hero {
        let token = self.guest().await;
        let name: String = (0..9).map(|_| char::from(rand::random_range(b'a'..=b'z'))).collect();
        let name = format!("H{name}");
        let answer = self.post("/v1/characters", Some(&token), json!({"name": name, "class": class})).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        Hero { token, character: answer.body["id"].as_i64().unwrap(), name }
    }

    /// A new guest with a character that is in the world.
    pub async fn player(&self, class: &str) -> (Hero, Socket) {
        let hero = self.hero(class).await;
        let socket = self.join(&hero).await;
        (hero, socket)
    }

    /// A connection of a character that is in the world and has its snapshot.
    pub async fn join(&self, hero: &Hero) -> Socket {
        let mut socket = Socket::open(&self.ws, &hero.token).await;
        socket.done("world.join", json!({"character": hero.character})).await;
        socket.notified("world.snapshot").await;
        socket
    }

    /// All of `/metrics`.
    pub async fn metrics(&self) -> String {
        let answer = self.client.get(format!("{}/metrics", self.http)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    /// One figure of it, by its name and labels as they are written there.
    pub async fn figure(&self, name: &str) -> u64 {
        figure(&self.metrics().await, name)
    }

    /// Waits until a figure is this.
    pub async fn until_figure(&self, name: &str, wanted: u64) {
        let until = Instant::now() + PATIENCE;
        while self.figure(name).await != wanted {
            assert!(Instant::now() < until, "{name} is never {wanted}");
            // Nothing tells of figures; they are looked at again.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.setup.data.path()
    }

    /// Runs `lore` with the operator's arguments for this server.
    pub fn lore(&self, args: &[&str]) -> Output {
        let mut command = lore();
        command.args(args).args(["--admin", &self.admin, "--data"]).arg(self.data());
        command.current_dir(root()).stdin(Stdio::null()).output().unwrap()
    }

    /// Waits for a line on standard error that holds `wanted`, from line `from` on; the line and
    /// the number of the one after it.
    pub async fn said(&self, wanted: &str, from: usize, patience: Duration) -> (String, usize) {
        let until = Instant::now() + patience;
        loop {
            let lines = self.log.0.lock().unwrap().clone();
            let found = lines.iter().enumerate().skip(from).find(|(_, line)| line.contains(wanted));
            if let Some((number, line)) = found {
                return (line.clone(), number + 1);
            }
            assert!(Instant::now() < until, "nothing about {wanted:?} in {lines:#?}");
            // A process' standard error cannot be awaited here; it is looked at again.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + START_PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs `lore` on the data folder of this server, without asking it anything.
    pub fn lore_offline(&self, args: &[&str]) -> Output {
        let mut command = lore();
        command.args(args).arg("--data").arg(self.data());
        command.current_dir(root()).stdin(Stdio::null()).output().unwrap()
    }

    /// `kill -9`, and started again on the same data.
    pub fn killed(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.start_again()
    }

    /// Other components than before, from its next start on.
    pub fn with_pack(mut self, pack: &Path) -> Self {
        self.setup.pack = Some(pack.to_owned());
        self
    }

    /// Without `--dev`, from its next start on.
    pub fn without_dev(mut self) -> Self {
        self.setup.is_dev = false;
        self
    }

    /// Starts it again on the same data, once it has ended.
    pub fn start_again(&self) -> Self {
        self.setup.clone().start()
    }

    /// Ends it with SIGTERM, and starts it again on the same data.
    pub async fn restart(mut self) -> Self {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}");
        self.start_again()
    }
}

/// One figure of `/metrics`; 0 before it was first counted.
pub fn figure(metrics: &str, name: &str) -> u64 {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0, |value| value.parse().unwrap())
}

impl Drop for World {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
        let lines = self.log.0.lock().unwrap();
        // Scripts panic too, in other words: they have no threads.
        let fell_over = lines.iter().any(|line| line.contains("thread '") && line.contains("panicked at"));
        if std::thread::panicking() || fell_over {
            eprintln!("--- the server said:\n{}", lines.join("\n"));
        }
        assert!(!fell_over || std::thread::panicking(), "the server panicked");
    }
}
