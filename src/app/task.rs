//! envsim's own settings: the `x-envsim` keys.

use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{At, EnvVar, Place};

/// CPU and memory of a whole task; on Fargate one of its pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSize {
    /// CPU units: 1024 are one vCPU.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
}

impl Default for TaskSize {
    /// 1 vCPU and 2 GB: the smallest size in which a web app, its database and a proxy start
    /// without being throttled into their health checks' timeouts.
    fn default() -> Self {
        Self {
            cpu: 1024,
            memory: 2048,
        }
    }
}

impl TaskSize {
    /// Memory sizes in MiB that Fargate offers for `cpu` units; none for an unknown `cpu`.
    ///
    /// Source: "Amazon ECS task definition differences for Fargate", task CPU and memory.
    pub fn memory_choices(cpu: u32) -> Option<Vec<u32>> {
        let range = |from: u32, to: u32, step: u32| (from..=to).step_by(step as usize).collect();
        Some(match cpu {
            256 => vec![512, 1024, 2048],
            512 => range(1024, 4096, 1024),
            1024 => range(2048, 8192, 1024),
            2048 => range(4096, 16384, 1024),
            4096 => range(8192, 30720, 1024),
            8192 => range(16384, 61440, 4096),
            16384 => range(32768, 122_880, 8192),
            _ => return None,
        })
    }
}

/// What the file says about the size of the tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenSize {
    /// CPU units.
    pub cpu: Option<At<u32>>,
    /// MiB.
    pub memory: Option<At<u32>>,
}

/// `x-envsim.launch_type`: what the task runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaunchType {
    /// AWS's own machines; only certain task sizes.
    #[default]
    #[serde(rename = "FARGATE")]
    Fargate,
    /// Instances of the user.
    #[serde(rename = "EC2")]
    Ec2,
    /// Machines of the user outside of AWS (ECS Anywhere).
    #[serde(rename = "EXTERNAL")]
    External,
}

impl LaunchType {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fargate, Self::Ec2, Self::External];

    /// The word as the ECS API has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fargate => "FARGATE",
            Self::Ec2 => "EC2",
            Self::External => "EXTERNAL",
        }
    }
}

/// `x-envsim.architecture`: the processors that the tasks run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// Intel and AMD; what a task definition without `runtimePlatform` means.
    #[default]
    #[serde(rename = "X86_64")]
    X86_64,
    /// Graviton.
    #[serde(rename = "ARM64")]
    Arm64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    /// The word as the ECS API has it (`runtimePlatform.cpuArchitecture`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "X86_64",
            Self::Arm64 => "ARM64",
        }
    }

    /// The word as images have it.
    pub fn of_images(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// `x-envsim.external` of a service: in production a managed service, reached under another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// The name in production.
    pub host: At<String>,
    /// The port in production, when the file names one.
    pub port: Option<u16>,
    /// Why, or what it is, in the user's words.
    pub reason: Option<String>,
}

impl std::fmt::Display for External {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host.value),
            None => f.write_str(&self.host.value),
        }
    }
}

/// One entry of `x-envsim.ignore`: findings that the user has judged and accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignore {
    /// Code or name of the rule, as written: which rules there are is not known here.
    pub rule: At<String>,
    /// Pattern for the path of the finding's first place.
    pub path: Option<At<String>>,
    /// The service of the finding.
    pub service: Option<At<String>>,
    /// Why they are accepted.
    pub reason: String,
    /// Where the entry stands.
    pub place: Place,
}

/// `x-envsim.prod` of a service: what production has instead of the dev value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProdOverrides {
    /// Variables; they win over `environment` and `env_file`.
    pub environment: Vec<EnvVar>,
    /// The command.
    pub command: Option<Vec<String>>,
    /// The image.
    pub image: Option<At<String>>,
    /// The build stage.
    pub target: Option<At<String>>,
}

/// One entry of `x-envsim.probes`, at the top level or of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What it shows, in the user's words.
    pub name: String,
    /// The service asked.
    pub service: String,
    /// What is done.
    pub action: ProbeAction,
    /// How long it may take until it passes, from when the app is up.
    pub timeout: Duration,
    /// Where it stands; for an inferred probe, the published port.
    pub place: Place,
    /// True when envsim made it from a published port.
    pub inferred: bool,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeAction {
    /// An HTTP request to a container port.
    Http(Box<Request>, Box<Expect>),
    /// A TCP connection to a container port.
    Tcp {
        /// Container port.
        port: u16,
    },
    /// A command in the service's container; exit code 0 passes.
    Command(Vec<String>),
}

/// An HTTP request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query, with the leading slash.
    pub path: String,
    /// Container port.
    pub port: u16,
    /// Header fields.
    pub headers: IndexMap<String, String>,
    /// Body.
    pub body: Option<String>,
}

impl Request {
    /// Whether it changes nothing, as HTTP understands its method ("safe methods", RFC 9110).
    pub fn only_reads(&self) -> bool {
        matches!(&*self.method.to_ascii_uppercase(), "GET" | "HEAD")
    }
}

/// What an HTTP answer must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// The status; any below 400 when absent. For an inferred probe any but those of a proxy with
    /// nobody behind it: its statuses are compared between the two runs.
    pub status: Option<u16>,
    /// Text that the body contains.
    pub body: Option<String>,
    /// Part of the JSON body: every key here has this value there.
    pub json: Option<serde_json::Value>,
}
