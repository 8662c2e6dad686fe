//! Every key of a Compose service and what ECS on Fargate does with it.
//!
//! Sources: SM is `service-2.json` of the AWS SDK (shape in brackets), FG the page "Amazon ECS task
//! definition differences for Fargate", NET "Amazon ECS task networking options for Fargate", BM "Use
//! bind mounts with Amazon ECS", RS "Restart individual containers in Amazon ECS tasks with container
//! restart policies", CF the messages that Fargate answers a task definition with.

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It means the same in a task definition.
    Kept,
    /// It belongs to building, developing or choosing, and is used before a task is made.
    Before,
    /// It means something else.
    Changed,
    /// It is not there.
    Dropped,
    /// ECS does not accept a task definition with it.
    Refused,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Key of a service.
    pub key: &'static str,
    /// What becomes of it. Some keys are judged by their value; then this is the usual fate.
    pub fate: Fate,
    /// What it is on ECS: the field, or what happens instead.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
    /// What to do; empty when nothing needs to be done.
    pub help: &'static str,
}

/// The row of `key`.
pub fn row(key: &str) -> Option<&'static Row> {
    KEYS.iter().find(|row| row.key == key)
}

const fn kept(key: &'static str, what: &'static str) -> Row {
    Row {
        key,
        fate: Fate::Kept,
        what,
        why: "SM[ContainerDefinition]",
        help: "",
    }
}

const fn before(key: &'static str, what: &'static str) -> Row {
    Row {
        key,
        fate: Fate::Before,
        what,
        why: "a task definition has nothing like it",
        help: "",
    }
}

const fn row_of(
    fate: Fate,
    key: &'static str,
    what: &'static str,
    why: &'static str,
    help: &'static str,
) -> Row {
    Row {
        key,
        fate,
        what,
        why,
        help,
    }
}

const fn changed(
    key: &'static str,
    what: &'static str,
    why: &'static str,
    help: &'static str,
) -> Row {
    row_of(Fate::Changed, key, what, why, help)
}

const fn dropped(
    key: &'static str,
    what: &'static str,
    why: &'static str,
    help: &'static str,
) -> Row {
    row_of(Fate::Dropped, key, what, why, help)
}

const fn refused(
    key: &'static str,
    what: &'static str,
    why: &'static str,
    help: &'static str,
) -> Row {
    row_of(Fate::Refused, key, what, why, help)
}

const NO_FIELD: &str = "a task definition has no field for it";
const AWSVPC: &str = "the network mode `awsvpc` has it set for the whole task";

/// The table, in the order of the Compose Specification.
pub static KEYS: &[Row] = &[
    dropped("annotations", "no annotations", NO_FIELD, ""),
    before("attach", "logs go to the log driver"),
    dropped("blkio_config", "no limits on block devices", NO_FIELD, ""),
    before("build", "the image that was built and pushed"),
    refused(
        "cap_add",
        "`capabilities.add` takes only SYS_PTRACE",
        "SM[KernelCapabilities]: Fargate answers `NET_ADMIN is not allowed on Fargate`",
        "let the app do without",
    ),
    kept("cap_drop", "`capabilities.drop`"),
    dropped(
        "cgroup",
        "the platform's own cgroup namespace",
        NO_FIELD,
        "",
    ),
    dropped(
        "cgroup_parent",
        "the task's cgroup",
        "the task is the parent of its containers",
        "",
    ),
    kept("command", "`command`"),
    dropped(
        "configs",
        "no file is put into the container",
        "a task definition has no configs",
        "copy it in the Dockerfile, or read it from an environment variable",
    ),
    changed(
        "container_name",
        "the container's name in the task, which DNS does not know",
        "containers of a task are not in any DNS",
        "use 127.0.0.1",
    ),
    dropped("cpu_count", "no effect", "it belongs to Windows", ""),
    dropped("cpu_percent", "no effect", "it belongs to Windows", ""),
    dropped("cpu_period", "the task's CPU limit alone", NO_FIELD, ""),
    dropped("cpu_quota", "the task's CPU limit alone", NO_FIELD, ""),
    dropped("cpu_rt_period", "no real-time scheduling", NO_FIELD, ""),
    dropped("cpu_rt_runtime", "no real-time scheduling", NO_FIELD, ""),
    kept("cpu_shares", "`cpu`, a weight"),
    changed(
        "cpus",
        "no limit of its own",
        "only the task has a CPU limit; `cpu` of a container is a weight: SM[ContainerDefinition.cpu]",
        "set `x-envsim.cpu` to the size of the task",
    ),
    dropped("cpuset", "any CPU of the task", NO_FIELD, ""),
    dropped(
        "credential_spec",
        "no credentials",
        "it belongs to Windows",
        "",
    ),
    kept("depends_on", "`dependsOn`"),
    kept("deploy", "limits, replicas and restarts, key by key"),
    before("develop", "used by the dev run alone"),
    dropped("device_cgroup_rules", "no devices", NO_FIELD, ""),
    refused(
        "devices",
        "no device of the host",
        "FG: `Fargate compatible task definitions do not support devices`",
        "let the app do without, or use ECS on EC2",
    ),
    refused(
        "dns",
        "the VPC's resolver",
        "CF: `DNS servers are not supported on container when networkMode=awsvpc`",
        "",
    ),
    dropped("dns_opt", "the VPC's resolver", AWSVPC, ""),
    refused(
        "dns_search",
        "the VPC's search domain",
        AWSVPC,
        "use full names",
    ),
    dropped("domainname", "the task's private DNS name", AWSVPC, ""),
    kept("entrypoint", "`entryPoint`"),
    before("env_file", "its variables go to `environment`"),
    changed(
        "environment",
        "a variable of your shell is not there",
        "a task has no shell it was started in",
        "give it a value in `x-envsim.prod.environment`",
    ),
    before("expose", "all ports are open inside the task"),
    before("extends", "resolved"),
    refused(
        "external_links",
        "no links",
        "CF: `Links are not supported when networkMode=awsvpc`",
        "read the address from an environment variable",
    ),
    refused(
        "extra_hosts",
        "only `localhost` and the task's own name are in /etc/hosts",
        "CF: `Extra hosts are not supported on container when networkMode=awsvpc`",
        "read the address from an environment variable",
    ),
    refused(
        "gpus",
        "no GPU",
        "FG: GPUs are not offered on Fargate",
        "use ECS on EC2",
    ),
    dropped(
        "group_add",
        "the user's own groups alone",
        NO_FIELD,
        "set the group in `user`, or in the Dockerfile",
    ),
    kept("healthcheck", "`healthCheck`"),
    refused(
        "hostname",
        "the task's private DNS name, the same in all containers",
        "CF: `hostname is not supported on container when networkMode=awsvpc`",
        "do not take the host name for an identity",
    ),
    kept("image", "`image`, pulled for every task"),
    kept("init", "`initProcessEnabled`"),
    refused(
        "ipc",
        "a namespace of the container's own",
        "FG: `ipcMode` is not supported",
        "share files in a volume instead",
    ),
    dropped("isolation", "no effect", "it belongs to Windows", ""),
    before("label_file", "its labels go to `dockerLabels`"),
    kept("labels", "`dockerLabels`"),
    refused(
        "links",
        "no links and no names",
        "CF: `Links are not supported when networkMode=awsvpc`",
        "use 127.0.0.1",
    ),
    changed(
        "logging",
        "the log driver `awslogs`",
        "FG: only awslogs, splunk and awsfirelens are offered",
        "write logs to stdout",
    ),
    dropped("mac_address", "the task's network interface", AWSVPC, ""),
    kept("mem_limit", "`memory`"),
    kept("mem_reservation", "`memoryReservation`"),
    refused(
        "mem_swappiness",
        "no swap",
        "FG: `swappiness` is not supported",
        "",
    ),
    refused(
        "memswap_limit",
        "no swap",
        "FG: `maxSwap` is not supported",
        "",
    ),
    dropped(
        "models",
        "no model is served",
        "a task definition has no models",
        "give the address of a served model in `environment`",
    ),
    refused(
        "network_mode",
        "the one network of the task",
        "CF: `Fargate only supports network mode ‘awsvpc’`",
        "",
    ),
    dropped(
        "networks",
        "one namespace for all containers: no names, no aliases, nothing apart",
        "NET: the containers of a task share one network interface",
        "use 127.0.0.1, and a port of its own for each service",
    ),
    dropped(
        "oom_kill_disable",
        "killed when the task is out of memory",
        NO_FIELD,
        "",
    ),
    dropped(
        "oom_score_adj",
        "killed when the task is out of memory",
        NO_FIELD,
        "",
    ),
    refused(
        "pid",
        "a namespace of the container's own",
        "FG: `pidMode` can only be `task`",
        "",
    ),
    dropped(
        "pids_limit",
        "no limit on processes",
        NO_FIELD,
        "use `ulimits.nproc`",
    ),
    kept("platform", "`runtimePlatform`, one for the whole task"),
    kept("ports", "`portMappings`"),
    dropped(
        "post_start",
        "not run",
        "ECS has no hooks",
        "run it in the entrypoint",
    ),
    dropped(
        "pre_start",
        "not run",
        "ECS has no hooks",
        "make it a service of its own that others wait for with `service_completed_successfully`",
    ),
    dropped(
        "pre_stop",
        "not run",
        "ECS has no hooks",
        "handle the stop signal in the app",
    ),
    refused(
        "privileged",
        "no privileges",
        "CF: `Fargate requires that the 'privileged' setting be 'false'`",
        "let the app do without",
    ),
    before("profiles", "resolved"),
    dropped(
        "provider",
        "nothing is run",
        "a plugin of Docker Compose makes it",
        "give production its address in `environment`",
    ),
    before("pull_policy", "pulled for every task"),
    before("pull_refresh_after", "pulled for every task"),
    kept("read_only", "`readonlyRootFilesystem`"),
    changed(
        "restart",
        "not started again: an essential container that ends takes the task with it, and a new task comes with a new address",
        "RS: `restartPolicy` only starts what ran for 60 s again",
        "let a crash end the container, and keep no state in it",
    ),
    dropped("runtime", "Fargate's own runtime", NO_FIELD, ""),
    changed(
        "scale",
        "the number of tasks, each with all containers",
        "SM[CreateServiceRequest.desiredCount]; this run has one",
        "put what must scale by itself into a project of its own",
    ),
    changed(
        "secrets",
        "an environment variable, and no file at",
        "SM[Secret]: ECS hands over secrets as environment variables alone",
        "read it from a variable, which production gets from Secrets Manager",
    ),
    refused(
        "security_opt",
        "the platform's own security",
        "FG: `dockerSecurityOptions` is not supported",
        "",
    ),
    refused(
        "shm_size",
        "64 MiB at /dev/shm",
        "FG: `sharedMemorySize` is not supported",
        "use a tmpfs at another path",
    ),
    before("stdin_open", "`interactive`: nobody is attached"),
    changed(
        "stop_grace_period",
        "`stopTimeout`, 2 to 120 s",
        "SM[ContainerDefinition.stopTimeout]",
        "end sooner than that",
    ),
    dropped(
        "stop_signal",
        "the image's STOPSIGNAL, else SIGTERM",
        NO_FIELD,
        "write `STOPSIGNAL` in the Dockerfile",
    ),
    dropped(
        "storage_opt",
        "20 GiB for the whole task",
        "SM[EphemeralStorage]",
        "",
    ),
    refused(
        "sysctls",
        "`systemControls`, only IPC names and net.*",
        "SM[SystemControl]",
        "",
    ),
    changed(
        "tmpfs",
        "`linuxParameters.tmpfs`, which must have a size",
        "SM[Tmpfs]",
        "write `size=64m`",
    ),
    kept("tty", "`pseudoTerminal`"),
    kept("ulimits", "`ulimits`"),
    refused(
        "use_api_socket",
        "no container engine to talk to",
        "Fargate has no Docker",
        "let the app do without",
    ),
    kept("user", "`user`"),
    refused(
        "userns_mode",
        "the platform's own user namespace",
        NO_FIELD,
        "",
    ),
    dropped("uts", "a name of the task's own", NO_FIELD, ""),
    changed(
        "volumes",
        "an empty directory of the task, deleted with it",
        "BM: no host paths; what must last is on EFS",
        "keep data outside of the task, or on EFS",
    ),
    kept("volumes_from", "`volumesFrom`"),
    kept("working_dir", "`workingDirectory`"),
];
