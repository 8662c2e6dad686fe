//! The Compose Specification as one table: every key, what it may be written as, and how the
//! normal form prints it. [`validate`](super::validate) and [`normal`](super::normal) read it.
//!
//! Sources: what may be written is the specification's JSON schema, `compose-spec.json`; the order
//! of keys and what is left out of the normal form are what `docker compose config` (v5.6) shows.

pub mod text;

use std::collections::HashMap;
use std::sync::OnceLock;

/// What a value may be and what it means.
#[derive(Debug)]
pub enum Shape {
    /// A scalar of one of these kinds.
    Scalar(Kinds, Meaning),
    /// A list; true when no two items may be equal.
    List(&'static Shape, Items),
    /// One string or a list of different ones; printed as a list.
    Words,
    /// A command: a line that is split into words, or the words.
    Command,
    /// The test of a health check: a line for the shell, or the words.
    Test,
    /// `NAME: value` or a list of `NAME=value`; printed as a mapping.
    Pairs(Bare),
    /// Addresses of hosts: a mapping or a list; printed as a list.
    Hosts,
    /// SSH keys: a mapping or a list; printed as a list.
    Keys,
    /// Options that can be repeated; every value is printed as a list.
    Options,
    /// One number for the soft and the hard limit, or a mapping with each of them.
    Limit(&'static Record),
    /// A mapping with names of the user's.
    Map(Names, &'static Shape),
    /// A mapping with the keys of the specification.
    Record(&'static Record),
    /// One of these, told apart by their kind.
    Either(&'static [Shape]),
}

/// A set of kinds of scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// Nothing.
    pub const NULL: Self = Self(1);
    /// A string.
    pub const TEXT: Self = Self(2);
    /// `true` or `false`.
    pub const BOOL: Self = Self(4);
    /// A number written without a fraction.
    pub const INT: Self = Self(8);
    /// A number with a fraction, which may be `.0`.
    pub const FLOAT: Self = Self(16);
    /// A number that is whole, however it was written.
    pub const WHOLE: Self = Self(8 | 32);
    /// Any number.
    pub const NUMBER: Self = Self(8 | 16 | 32);

    /// Both sets.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when the sets have a kind in common.
    pub const fn has(self, kind: Self) -> bool {
        self.0 & kind.0 != 0
    }

    /// True when a float is allowed, should it be `whole`.
    pub const fn has_float(self, whole: bool) -> bool {
        self.has(Self::FLOAT) || whole && self.has(Self(32))
    }
}

/// What the text of a scalar means.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// Itself.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Text of this form, by the schema.
    Form(&'static Form),
    /// Text of this form, when all files are merged.
    Late(&'static Form),
    /// True or false; in a string the words of YAML 1.1 count as well.
    Bool,
    /// A whole number in these bounds.
    Int(i64, i64),
    /// A whole number without a sign that Compose keeps in so many bits, cutting what is too big.
    Bits(u32),
    /// A number of single precision.
    Float,
    /// A percentage: whole, whatever its form.
    Percent,
    /// A number of bytes, with a unit when it is a string; a number is at least this.
    Bytes(i64),
    /// A time such as `1m30s`.
    Duration,
    /// Permissions of a file; octal when it is a string.
    Mode,
    /// A number of devices, or `all`.
    Count,
}

/// A form of text.
#[derive(Debug)]
pub struct Form {
    /// True for text of this form.
    pub fits: fn(&str) -> bool,
    /// What is expected.
    pub help: &'static str,
}

/// Rules for the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// Items may be equal.
    Free,
    /// No two may be equal.
    Unique,
}

/// What a name without a value means in [`Shape::Pairs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// The value is taken from elsewhere; until then it is null.
    Null,
    /// The value is empty.
    Empty,
}

/// Names a mapping may have.
#[derive(Clone, Copy, Debug)]
pub enum Names {
    /// Names of this kind of thing: letters, digits, `.`, `_` and `-`.
    Of(&'static str),
    /// Any name; only values under such names are looked at.
    Loose(&'static str),
    /// Any.
    Any,
}

/// A mapping with the keys of the specification.
#[derive(Debug)]
pub struct Record {
    own: &'static [Field],
    parts: &'static [&'static Record],
    /// Keys that must be there.
    pub required: &'static [&'static str],
    /// What happens to `x-` keys.
    pub extensions: Extensions,
    /// How its keys depend on each other.
    pub rules: &'static [Rule],
    index: OnceLock<HashMap<&'static str, (usize, &'static Field)>>,
}

/// What happens to keys a record does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// Those with `x-` are allowed and printed in the YAML form.
    Printed,
    /// Those with `x-` are allowed and never printed.
    Dropped,
    /// They are errors.
    Denied,
    /// All are allowed, none is printed: the schema forgot to close the mapping.
    Open,
}

/// A rule about keys that depend on each other.
#[derive(Debug)]
pub enum Rule {
    /// At least one of these keys.
    Any(&'static [&'static str]),
    /// At most one of these keys, when all files are merged.
    AtMostOne(&'static [&'static str]),
    /// One of the first, unless one of the second says where the value comes from; when all files
    /// are merged.
    OneOf(&'static [&'static str], &'static [&'static str]),
    /// A key without which the value has no meaning; Compose finds it missing after the schema.
    Needs(&'static str),
    /// With `external: true` no key but `name`, when all files are merged.
    External,
}

/// One key.
#[derive(Debug)]
pub struct Field {
    /// As written.
    pub key: &'static str,
    /// Its value.
    pub shape: Shape,
    /// When it is printed.
    pub keep: Keep,
}

/// When a key is printed. Source: the `omitempty` of Compose's types, which JSON and YAML read
/// differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// When it is not empty, zero or false.
    Filled,
    /// When it is written and not null.
    Given,
    /// Always.
    Always,
    /// In JSON always, with this name; in YAML always.
    Named(&'static str),
    /// In JSON always, in YAML when not empty.
    Struct,
    /// In JSON always, in YAML when given.
    Command,
    /// When it is false.
    False,
    /// When it is filled and this other key is not.
    Without(&'static str),
    /// In YAML only.
    Yaml,
    /// Never.
    Never,
}

/// The record of these keys.
const fn record(fields: &'static [Field]) -> Record {
    Record {
        own: fields,
        parts: &[],
        required: &[],
        extensions: Extensions::Printed,
        rules: &[],
        index: OnceLock::new(),
    }
}

impl Record {
    /// The same with the keys of `parts` after its own.
    const fn with(mut self, parts: &'static [&'static Record]) -> Self {
        self.parts = parts;
        self
    }

    const fn required(mut self, keys: &'static [&'static str]) -> Self {
        self.required = keys;
        self
    }

    const fn extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = extensions;
        self
    }

    const fn rules(mut self, rules: &'static [Rule]) -> Self {
        self.rules = rules;
        self
    }

    /// The fields in the order they are printed.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        let parts = self.parts.iter().flat_map(|part| part.own);
        self.own.iter().chain(parts)
    }

    /// The field `key` and its position in [`fields`](Self::fields).
    pub fn field(&self, key: &str) -> Option<(usize, &'static Field)> {
        self.index().get(key).copied()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.index().len()
    }

    fn index(&self) -> &HashMap<&'static str, (usize, &'static Field)> {
        self.index.get_or_init(|| {
            let fields = self.fields().enumerate();
            fields.map(|(at, field)| (field.key, (at, field))).collect()
        })
    }
}

/// A key that is printed when it is filled.
const fn key(key: &'static str, shape: Shape) -> Field {
    Field {
        key,
        shape,
        keep: Keep::Filled,
    }
}

impl Field {
    const fn keep(self, keep: Keep) -> Self {
        // Written out: a value with a destructor cannot be taken apart in a constant.
        let mut field = self;
        field.keep = keep;
        field
    }

    const fn given(self) -> Self {
        self.keep(Keep::Given)
    }
}

const fn scalar(kinds: Kinds, meaning: Meaning) -> Shape {
    Shape::Scalar(kinds, meaning)
}

const fn word(words: &'static [&'static str]) -> Shape {
    Shape::Scalar(Kinds::TEXT, Meaning::Word(words))
}

const fn form(form: &'static Form) -> Shape {
    Shape::Scalar(Kinds::TEXT, Meaning::Form(form))
}

const fn late(form: &'static Form) -> Shape {
    Shape::Scalar(Kinds::TEXT, Meaning::Late(form))
}

const MAX: i64 = i64::MAX;
const MIN: i64 = i64::MIN;
/// A string.
pub const TEXT: Shape = scalar(Kinds::TEXT, Meaning::Text);
const TEXT_OR_NULL: Shape = scalar(Kinds::TEXT.or(Kinds::NULL), Meaning::Text);
const TEXT_OR_INT: Shape = scalar(Kinds::TEXT.or(Kinds::INT), Meaning::Text);
const TEXT_OR_BOOL: Shape = scalar(Kinds::TEXT.or(Kinds::BOOL), Meaning::Text);
const TEXT_OR_NUMBER: Shape = scalar(Kinds::TEXT.or(Kinds::NUMBER), Meaning::Text);
const OPTION: Shape = scalar(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::NULL), Meaning::Text);
const BARE_OPTION: Shape = scalar(Kinds::TEXT.or(Kinds::INT).or(Kinds::NULL), Meaning::Text);
const FLAG: Shape = scalar(Kinds::BOOL.or(Kinds::TEXT), Meaning::Bool);
const STRICT_FLAG: Shape = scalar(Kinds::BOOL, Meaning::Bool);
const WHOLE: Shape = whole(MIN, MAX);
const COUNTER: Shape = whole(0, MAX);
const NUMBER: Shape = scalar(Kinds::NUMBER.or(Kinds::TEXT), Meaning::Int(MIN, MAX));
const FLOAT: Shape = scalar(Kinds::NUMBER.or(Kinds::TEXT), Meaning::Float);
const BYTES: Shape = scalar(Kinds::NUMBER.or(Kinds::TEXT), Meaning::Bytes(MIN));
const WHOLE_BYTES: Shape = scalar(Kinds::WHOLE.or(Kinds::TEXT), Meaning::Bytes(MIN));
const DURATION: Shape = scalar(Kinds::TEXT, Meaning::Duration);
const TEXTS: Shape = Shape::List(&TEXT, Items::Free);
const UNIQUE_TEXTS: Shape = Shape::List(&TEXT, Items::Unique);
/// A value in [`Shape::Pairs`].
pub const PAIR: Shape = scalar(
    Kinds::TEXT
        .or(Kinds::NUMBER)
        .or(Kinds::BOOL)
        .or(Kinds::NULL),
    Meaning::Text,
);
/// A value in [`Shape::Hosts`].
pub const ADDRESSES: Shape = Shape::Either(&[TEXT, TEXTS]);
/// A value in [`Shape::Options`].
pub const REPEATED: Shape =
    Shape::Either(&[REPEATED_ITEM, Shape::List(&REPEATED_ITEM, Items::Free)]);
const REPEATED_ITEM: Shape = scalar(Kinds::TEXT.or(Kinds::NUMBER).or(Kinds::BOOL), Meaning::Text);
const LABELS: Shape = Shape::Pairs(Bare::Empty);
const DRIVER_OPTIONS: Shape = Shape::Map(Names::Any, &TEXT_OR_NUMBER);
const MOUNTED_FILES: Shape = Shape::List(
    &Shape::Either(&[TEXT, Shape::Record(&MOUNTED_FILE)]),
    Items::Free,
);
const LIMITS: Shape = Shape::Map(Names::Any, &Shape::Limit(&LIMIT));

const fn whole(min: i64, max: i64) -> Shape {
    scalar(Kinds::WHOLE.or(Kinds::TEXT), Meaning::Int(min, max))
}

/// A Compose file.
pub static ROOT: Record = record(&[
    key("version", TEXT).keep(Keep::Never),
    key("name", TEXT),
    key("include", Shape::List(&INCLUDE_ITEM, Items::Free)).keep(Keep::Never),
    key(
        "services",
        Shape::Map(Names::Of("service"), &Shape::Record(&SERVICE)),
    )
    .keep(Keep::Always),
    key("jobs", Shape::Map(Names::Of("job"), &Shape::Record(&JOB))),
    key(
        "networks",
        Shape::Map(Names::Of("network"), &or_null(&NETWORK_SHAPES)),
    ),
    key(
        "volumes",
        Shape::Map(Names::Of("volume"), &or_null(&VOLUME_SHAPES)),
    ),
    key(
        "secrets",
        Shape::Map(Names::Of("secret"), &Shape::Record(&SECRET)),
    ),
    key(
        "configs",
        Shape::Map(Names::Of("config"), &Shape::Record(&CONFIG)),
    ),
    key(
        "models",
        Shape::Map(Names::Of("model"), &Shape::Record(&MODEL)),
    )
    .keep(Keep::Yaml),
]);

const fn or_null(shapes: &'static [Shape; 2]) -> Shape {
    Shape::Either(shapes)
}

const NULL: Shape = scalar(Kinds::NULL, Meaning::Text);

static NETWORK_SHAPES: [Shape; 2] = [NULL, Shape::Record(&NETWORK)];
static VOLUME_SHAPES: [Shape; 2] = [NULL, Shape::Record(&VOLUME)];
static INCLUDE_ITEM: Shape = Shape::Either(&[TEXT, Shape::Record(&INCLUDE)]);

static INCLUDE: Record = record(&[
    key("path", Shape::Words),
    key("env_file", Shape::Words),
    key("project_directory", TEXT),
])
.extensions(Extensions::Denied);

/// A service.
pub static SERVICE: Record = record(&[
    key("profiles", UNIQUE_TEXTS),
    key("deploy", Shape::Either(&[NULL, Shape::Record(&DEPLOY)])).given(),
    key("develop", Shape::Either(&[NULL, Shape::Record(&DEVELOP)])).given(),
    key("restart", TEXT),
    key("scale", WHOLE).given(),
    key("attach", FLAG).given(),
    key("container_name", form(&CONTAINER_NAME)),
    key("provider", Shape::Record(&PROVIDER)).given(),
    key("extends", Shape::Either(&[TEXT, Shape::Record(&EXTENDS)])).given(),
    key("external_links", UNIQUE_TEXTS),
    key("links", UNIQUE_TEXTS),
    key(
        "pre_start",
        Shape::List(&Shape::Record(&PRE_START), Items::Free),
    ),
    key(
        "post_start",
        Shape::List(&Shape::Record(&HOOK), Items::Free),
    ),
    key("pre_stop", Shape::List(&Shape::Record(&HOOK), Items::Free)),
])
.with(&[&CONTAINER, &WORKLOAD]);

static JOB: Record = record(&[
    key("profiles", UNIQUE_TEXTS),
    key("triggers", Shape::Record(&TRIGGERS)).given(),
])
.with(&[&CONTAINER, &WORKLOAD])
.required(&["triggers"]);

static PRE_START: Record = record(&[]).with(&[&CONTAINER, &REPLICA]);
static REPLICA: Record = record(&[key("per_replica", FLAG)]);

/// What any container can have.
static CONTAINER: Record = record(&[
    key("annotations", LABELS),
    key("blkio_config", Shape::Record(&BLOCK_IO)).given(),
    key("cap_add", UNIQUE_TEXTS),
    key("cap_drop", UNIQUE_TEXTS),
    key("cgroup_parent", TEXT),
    key("cgroup", word(&["host", "private"])),
    key("cpu_count", COUNTER),
    key(
        "cpu_percent",
        scalar(Kinds::WHOLE.or(Kinds::TEXT), Meaning::Percent),
    ),
    key("cpu_period", NUMBER),
    key("cpu_quota", NUMBER),
    key("cpu_rt_period", NUMBER),
    key("cpu_rt_runtime", NUMBER),
    key("cpus", FLOAT),
    key("cpuset", TEXT),
    key("cpu_shares", NUMBER),
    key("command", Shape::Command).keep(Keep::Command),
    key("configs", MOUNTED_FILES),
    key("credential_spec", Shape::Record(&CREDENTIAL_SPEC)).given(),
    key("device_cgroup_rules", UNIQUE_TEXTS),
    key(
        "devices",
        Shape::List(&Shape::Either(&[TEXT, Shape::Record(&DEVICE)]), Items::Free),
    ),
    key("dns", Shape::Words),
    key("dns_opt", UNIQUE_TEXTS),
    key("dns_search", Shape::Words),
    key("domainname", TEXT),
    key("entrypoint", Shape::Command).keep(Keep::Command),
    key("environment", Shape::Pairs(Bare::Null)),
    key(
        "env_file",
        Shape::Either(&[TEXT, Shape::List(&ENV_FILE_ITEM, Items::Free)]),
    ),
    key("extra_hosts", Shape::Hosts),
    key("group_add", Shape::List(&TEXT_OR_INT, Items::Unique)),
    key(
        "gpus",
        Shape::Either(&[
            word(&["all"]),
            Shape::List(&Shape::Record(&GPU), Items::Free),
        ]),
    ),
    key("hostname", TEXT),
    key("image", TEXT),
    key("init", FLAG).given(),
    key("ipc", TEXT),
    key("isolation", TEXT),
    key("labels", LABELS),
    key("label_file", Shape::Either(&[TEXT, TEXTS])),
    key("logging", Shape::Record(&LOGGING)).given(),
    key("mem_limit", BYTES),
    key("mem_reservation", WHOLE_BYTES),
    key("memswap_limit", BYTES),
    key("mem_swappiness", WHOLE_BYTES),
    key("mac_address", TEXT),
    key(
        "models",
        Shape::Either(&[
            UNIQUE_TEXTS,
            Shape::Map(
                Names::Loose("model"),
                &Shape::Either(&[NULL, Shape::Record(&MODEL_USE)]),
            ),
        ]),
    ),
    key("network_mode", TEXT),
    key(
        "networks",
        Shape::Either(&[
            UNIQUE_TEXTS,
            Shape::Map(
                Names::Of("network"),
                &Shape::Either(&[NULL, Shape::Record(&NETWORK_USE)]),
            ),
        ]),
    ),
    key("oom_kill_disable", FLAG),
    key("oom_score_adj", whole(-1000, 1000)),
    key("pid", TEXT_OR_NULL),
    key("pids_limit", NUMBER),
    key("platform", TEXT),
    key("privileged", FLAG),
    key("pull_policy", form(&PULL_POLICY)),
    key("pull_refresh_after", TEXT),
    key("read_only", FLAG),
    key("runtime", TEXT),
    key("secrets", MOUNTED_FILES),
    key("security_opt", UNIQUE_TEXTS),
    key("shm_size", BYTES),
    key("stop_grace_period", DURATION).given(),
    key("stop_signal", TEXT),
    key("storage_opt", Shape::Map(Names::Any, &BARE_OPTION)),
    key("sysctls", LABELS),
    key("tmpfs", Shape::Words),
    key("ulimits", LIMITS),
    key("use_api_socket", STRICT_FLAG),
    key("user", TEXT),
    key("userns_mode", TEXT),
    key("uts", TEXT),
    key(
        "volumes",
        Shape::List(
            &Shape::Either(&[TEXT, Shape::Record(&MOUNT)]),
            Items::Unique,
        ),
    ),
    key("volumes_from", UNIQUE_TEXTS),
    key("working_dir", TEXT),
]);

/// What a service and a job have beyond their container.
static WORKLOAD: Record = record(&[
    key("build", Shape::Either(&[TEXT, Shape::Record(&BUILD)])).given(),
    key(
        "depends_on",
        Shape::Either(&[
            UNIQUE_TEXTS,
            Shape::Map(Names::Of("service"), &Shape::Record(&DEPENDENCY)),
        ]),
    ),
    key("expose", Shape::List(&TEXT_OR_INT, Items::Unique)),
    key("healthcheck", Shape::Record(&HEALTH_CHECK)).given(),
    key(
        "ports",
        Shape::List(
            &Shape::Either(&[TEXT_OR_INT, Shape::Record(&PORT)]),
            Items::Unique,
        ),
    ),
    key("stdin_open", FLAG),
    key("tty", FLAG),
]);

static BUILD: Record = record(&[
    key("context", TEXT),
    key("dockerfile", TEXT),
    key("dockerfile_inline", TEXT),
    key("entitlements", TEXTS),
    key("args", Shape::Pairs(Bare::Null)),
    key("provenance", TEXT_OR_BOOL),
    key("sbom", TEXT_OR_BOOL),
    key("ssh", Shape::Keys),
    key("labels", LABELS),
    key("cache_from", TEXTS),
    key("cache_to", TEXTS),
    key("no_cache", FLAG),
    key("no_cache_filter", Shape::Words),
    key("additional_contexts", LABELS),
    key("pull", FLAG),
    key("extra_hosts", Shape::Hosts),
    key("isolation", TEXT),
    key("network", TEXT),
    key("target", TEXT),
    key("secrets", MOUNTED_FILES),
    key("shm_size", WHOLE_BYTES),
    key("tags", TEXTS),
    key("ulimits", LIMITS),
    key("platforms", TEXTS),
    key("privileged", FLAG),
]);

static BLOCK_IO: Record = record(&[
    key("weight", scalar(Kinds::WHOLE, Meaning::Bits(16))),
    key(
        "weight_device",
        Shape::List(&Shape::Record(&BLOCK_WEIGHT), Items::Free),
    ),
    key("device_read_bps", BLOCK_LIMITS),
    key("device_read_iops", BLOCK_LIMITS),
    key("device_write_bps", BLOCK_LIMITS),
    key("device_write_iops", BLOCK_LIMITS),
])
.extensions(Extensions::Denied);

const BLOCK_LIMITS: Shape = Shape::List(&Shape::Record(&BLOCK_LIMIT), Items::Free);

static BLOCK_WEIGHT: Record = record(&[
    key("path", TEXT).keep(Keep::Named("Path")),
    key("weight", scalar(Kinds::WHOLE, Meaning::Bits(16))).keep(Keep::Named("Weight")),
])
.extensions(Extensions::Denied);

static BLOCK_LIMIT: Record = record(&[
    key("path", TEXT).keep(Keep::Named("Path")),
    key("rate", WHOLE_BYTES).keep(Keep::Named("Rate")),
])
.extensions(Extensions::Denied);

static CREDENTIAL_SPEC: Record = record(&[
    key("config", TEXT),
    key("file", TEXT),
    key("registry", TEXT),
]);

static DEPENDENCY: Record = record(&[
    key(
        "condition",
        word(&[
            "service_started",
            "service_healthy",
            "service_completed_successfully",
        ]),
    ),
    key("restart", FLAG),
    // A string is accepted because interpolation has made it a boolean.
    key("required", FLAG).keep(Keep::Always),
])
.required(&["condition"]);

static DEPLOY: Record = record(&[
    key("mode", TEXT),
    key("replicas", WHOLE).given(),
    key("labels", LABELS),
    key("update_config", Shape::Record(&ROLLOUT)).given(),
    key("rollback_config", Shape::Record(&ROLLOUT)).given(),
    key("resources", Shape::Record(&RESOURCES)).keep(Keep::Struct),
    key("restart_policy", Shape::Record(&RESTART_POLICY)).given(),
    key("placement", Shape::Record(&PLACEMENT)).keep(Keep::Struct),
    key("endpoint_mode", TEXT),
]);

static ROLLOUT: Record = record(&[
    key("parallelism", COUNTER).given(),
    key("delay", DURATION),
    key("failure_action", TEXT),
    key("monitor", DURATION),
    key("max_failure_ratio", FLOAT),
    key("order", word(&["start-first", "stop-first"])),
]);

static RESOURCES: Record = record(&[
    key("limits", Shape::Record(&RESOURCE_LIMITS)).given(),
    key("reservations", Shape::Record(&RESERVATIONS)).given(),
]);

static RESOURCE_LIMITS: Record = record(&[
    key("cpus", FLOAT),
    key("memory", TEXT_BYTES),
    key("pids", WHOLE),
]);

const TEXT_BYTES: Shape = scalar(Kinds::TEXT, Meaning::Bytes(MIN));

static RESERVATIONS: Record = record(&[
    key("cpus", FLOAT),
    key("memory", TEXT_BYTES),
    key(
        "devices",
        Shape::List(&Shape::Record(&DEVICE_REQUEST), Items::Free),
    ),
    key(
        "generic_resources",
        Shape::List(&Shape::Record(&GENERIC_RESOURCE), Items::Free),
    ),
]);

/// What a request for devices has, wherever it stands.
static REQUEST: Record = record(&[
    key("capabilities", UNIQUE_TEXTS),
    key("driver", TEXT),
    key("count", scalar(Kinds::INT.or(Kinds::TEXT), Meaning::Count)),
    key("device_ids", UNIQUE_TEXTS),
    key("options", LABELS),
]);

const ONE_SELECTION: &[Rule] = &[Rule::AtMostOne(&["count", "device_ids"])];

static DEVICE_REQUEST: Record = record(&[])
    .with(&[&REQUEST])
    .extensions(Extensions::Dropped)
    .required(&["capabilities"])
    .rules(ONE_SELECTION);

static GPU: Record = record(&[])
    .with(&[&REQUEST])
    .extensions(Extensions::Open)
    .rules(ONE_SELECTION);

static GENERIC_RESOURCE: Record =
    record(&[key("discrete_resource_spec", Shape::Record(&DISCRETE_RESOURCE)).given()]);

static DISCRETE_RESOURCE: Record = record(&[
    key("kind", TEXT).keep(Keep::Always),
    key("value", NUMBER).keep(Keep::Always),
]);

static RESTART_POLICY: Record = record(&[
    key("condition", TEXT),
    key("delay", DURATION).given(),
    key("max_attempts", COUNTER).given(),
    key("window", DURATION).given(),
]);

static PLACEMENT: Record = record(&[
    key("constraints", TEXTS),
    key(
        "preferences",
        Shape::List(&Shape::Record(&PREFERENCE), Items::Free),
    ),
    key("max_replicas_per_node", COUNTER),
]);

static PREFERENCE: Record = record(&[key("spread", TEXT)]);

static DEVELOP: Record = record(&[key(
    "watch",
    Shape::List(&Shape::Record(&WATCH), Items::Free),
)]);

static WATCH: Record = record(&[
    key("path", late(&NOT_BLANK)).keep(Keep::Always),
    key(
        "action",
        word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
    )
    .keep(Keep::Always),
    key("target", TEXT),
    key("exec", Shape::Record(&HOOK)).keep(Keep::Struct),
    key("include", Shape::Words),
    key("ignore", Shape::Words),
    key("initial_sync", STRICT_FLAG),
])
.required(&["path", "action"]);

static HOOK: Record = record(&[
    key("command", Shape::Command).keep(Keep::Command),
    key("user", TEXT),
    key("privileged", FLAG),
    key("working_dir", TEXT),
    key("environment", Shape::Pairs(Bare::Null)),
])
.required(&["command"]);

static DEVICE: Record = record(&[
    key("source", TEXT),
    key("target", TEXT),
    key("permissions", TEXT),
])
.required(&["source"])
.rules(&[Rule::Needs("target")]);

static ENV_FILE_ITEM: Shape = Shape::Either(&[TEXT, Shape::Record(&ENV_FILE)]);

static ENV_FILE: Record = record(&[
    key("path", TEXT),
    key("required", FLAG).keep(Keep::False),
    key("format", TEXT),
])
.extensions(Extensions::Denied)
.required(&["path"]);

static EXTENDS: Record = record(&[key("file", TEXT), key("service", TEXT)])
    .extensions(Extensions::Denied)
    .required(&["service"]);

static HEALTH_CHECK: Record = record(&[
    key("test", Shape::Test),
    key("timeout", DURATION).given(),
    key("interval", DURATION).given(),
    key(
        "retries",
        scalar(Kinds::NUMBER.or(Kinds::TEXT), Meaning::Int(0, MAX)),
    )
    .given(),
    key("start_period", DURATION).given(),
    key("start_interval", DURATION).given(),
    key("disable", FLAG),
]);

static LIMIT: Record = record(&[key("soft", LIMIT_VALUE), key("hard", LIMIT_VALUE)])
    .extensions(Extensions::Dropped)
    .required(&["soft", "hard"]);

const LIMIT_VALUE: Shape = scalar(Kinds::INT.or(Kinds::TEXT), Meaning::Int(MIN, MAX));

static LOGGING: Record = record(&[
    key("driver", TEXT),
    key("options", Shape::Map(Names::Any, &OPTION)),
]);

static MODEL_USE: Record = record(&[key("endpoint_var", TEXT), key("model_var", TEXT)]);

static NETWORK_USE: Record = record(&[
    key("aliases", UNIQUE_TEXTS),
    key("driver_opts", DRIVER_OPTIONS),
    key("gw_priority", PRIORITY),
    key("interface_name", TEXT),
    key("ipv4_address", TEXT),
    key("ipv6_address", TEXT),
    key("link_local_ips", UNIQUE_TEXTS),
    key("mac_address", TEXT),
    key("priority", PRIORITY),
]);

const PRIORITY: Shape = scalar(Kinds::NUMBER, Meaning::Int(MIN, MAX));

static PORT: Record = record(&[
    key("name", TEXT),
    key("mode", TEXT),
    key("host_ip", late(&IP_ADDRESS)),
    key(
        "target",
        scalar(Kinds::WHOLE.or(Kinds::TEXT), Meaning::Bits(32)),
    ),
    key("published", TEXT_OR_INT),
    key("protocol", TEXT),
    key("app_protocol", TEXT),
])
.rules(&[Rule::Needs("target")]);

static PROVIDER: Record =
    record(&[key("type", TEXT), key("options", Shape::Options)]).required(&["type"]);

static MOUNTED_FILE: Record = record(&[
    key("source", TEXT),
    key("target", TEXT),
    key("uid", TEXT),
    key("gid", TEXT),
    key("mode", scalar(Kinds::INT.or(Kinds::TEXT), Meaning::Mode)).given(),
]);

static MOUNT: Record = record(&[
    key(
        "type",
        word(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"]),
    ),
    key("source", TEXT),
    key("target", TEXT),
    key("read_only", FLAG),
    key("consistency", TEXT),
    key("bind", Shape::Record(&BIND)).given(),
    key("volume", Shape::Record(&VOLUME_USE)).given(),
    key("tmpfs", Shape::Record(&TMPFS)).given(),
    key("image", Shape::Record(&IMAGE_USE)).given(),
])
.required(&["type"])
.rules(&[Rule::Needs("target")]);

static BIND: Record = record(&[
    key("selinux", word(&["z", "Z"])),
    key("propagation", TEXT),
    key("create_host_path", FLAG).keep(Keep::False),
    key(
        "recursive",
        word(&["enabled", "disabled", "writable", "readonly"]),
    ),
]);

static VOLUME_USE: Record = record(&[
    key("labels", LABELS),
    key("nocopy", FLAG),
    key("subpath", TEXT),
]);

static TMPFS: Record = record(&[
    key(
        "size",
        scalar(Kinds::WHOLE.or(Kinds::TEXT), Meaning::Bytes(0)),
    ),
    key("mode", scalar(Kinds::NUMBER, Meaning::Bits(32))),
]);

static IMAGE_USE: Record = record(&[key("subpath", TEXT)]);

static TRIGGERS: Record = record(&[
    key("manual", FLAG),
    key(
        "schedule",
        Shape::List(
            &Shape::Either(&[TEXT, Shape::Record(&SCHEDULE)]),
            Items::Free,
        ),
    ),
])
.rules(&[Rule::Any(&["manual", "schedule"])]);

static SCHEDULE: Record = record(&[
    key("cron", TEXT),
    key("timezone", TEXT),
    key("concurrency", word(&["forbid", "queue"])),
    key("missed_fires", word(&["one", "skip"])),
])
.required(&["cron"]);

static NETWORK: Record = record(&[
    key("name", TEXT),
    key("driver", TEXT),
    key("driver_opts", DRIVER_OPTIONS),
    key("ipam", Shape::Record(&IPAM)).keep(Keep::Struct),
    key("external", EXTERNAL),
    key("internal", FLAG),
    key("attachable", FLAG),
    key("labels", LABELS),
    key("enable_ipv4", FLAG).given(),
    key("enable_ipv6", FLAG).given(),
]);

const EXTERNAL: Shape = Shape::Either(&[FLAG, Shape::Record(&EXTERNAL_NAME)]);
const LOOSE_EXTERNAL: Shape = Shape::Either(&[FLAG, Shape::Record(&LOOSE_EXTERNAL_NAME)]);

static EXTERNAL_NAME: Record = record(&[key("name", TEXT)]);
static LOOSE_EXTERNAL_NAME: Record = record(&[key("name", TEXT)]).extensions(Extensions::Open);

static IPAM: Record = record(&[
    key("driver", TEXT),
    key(
        "config",
        Shape::List(&Shape::Record(&IPAM_POOL), Items::Free),
    ),
    key("options", Shape::Map(Names::Any, &TEXT)),
]);

static IPAM_POOL: Record = record(&[
    key("subnet", TEXT),
    key("gateway", TEXT),
    key("ip_range", TEXT),
    key("aux_addresses", Shape::Map(Names::Any, &TEXT)),
])
.extensions(Extensions::Dropped);

static VOLUME: Record = record(&[
    key("name", TEXT),
    key("driver", TEXT),
    key("driver_opts", DRIVER_OPTIONS),
    key("external", EXTERNAL),
    key("labels", LABELS),
])
.rules(&[Rule::External]);

static SECRET: Record = record(&[
    key("name", TEXT),
    key("file", TEXT),
    key("environment", TEXT),
    key("external", LOOSE_EXTERNAL),
    key("labels", LABELS),
    key("driver", TEXT),
    key("driver_opts", Shape::Map(Names::Any, &TEXT_OR_INT)),
    key("template_driver", TEXT),
])
.rules(&[Rule::OneOf(
    &["file", "environment"],
    &["driver", "external"],
)]);

static CONFIG: Record = record(&[
    key("name", TEXT),
    key("file", TEXT),
    key("environment", TEXT),
    key("content", TEXT).keep(Keep::Without("environment")),
    key("external", LOOSE_EXTERNAL),
    key("labels", LABELS),
    key("template_driver", TEXT),
])
.rules(&[Rule::OneOf(
    &["file", "environment", "content"],
    &["external"],
)]);

static MODEL: Record = record(&[
    key("name", TEXT),
    key("model", TEXT),
    key("context_size", scalar(Kinds::WHOLE, Meaning::Int(MIN, MAX))),
    key("runtime_flags", TEXTS),
])
.required(&["model"]);

/// The schema's pattern has no anchors: one such pair of characters anywhere is enough.
static CONTAINER_NAME: Form = Form {
    fits: |text| {
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        text.as_bytes()
            .windows(2)
            .any(|pair| pair[0].is_ascii_alphanumeric() && name(&pair[1]))
    },
    help: "a container's name begins with a letter or digit and has at least two characters",
};

static PULL_POLICY: Form = Form {
    fits: pull_policy,
    help: "use `always`, `never`, `missing`, `if_not_present`, `build`, `refresh`, `daily`, \
           `weekly` or `every_` and a time such as `every_12h`",
};

/// Source: the pattern of `pull_policy` in the schema.
fn pull_policy(text: &str) -> bool {
    const WORDS: [&str; 8] = [
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ];
    match text.strip_prefix("every_") {
        Some(time) => repeats(time),
        None => WORDS.contains(&text),
    }
}

/// True for one or more of digits and a unit, such as `1d12h`.
fn repeats(time: &str) -> bool {
    let mut digits = 0;
    for byte in time.bytes() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'w' | b'd' | b'h' | b'm' | b's' if digits > 0 => digits = 0,
            _ => return false,
        }
    }
    digits == 0 && !time.is_empty()
}

static NOT_BLANK: Form = Form {
    fits: |text| !text.is_empty(),
    help: "give a path",
};

static IP_ADDRESS: Form = Form {
    fits: |text| text.parse::<std::net::IpAddr>().is_ok(),
    help: "give an IP address, such as `127.0.0.1`",
};
