//! Every rule, one line each, in the order of their codes.

use super::{Rule, hosts, image, probes, task};

/// All rules.
pub const RULES: &[Rule] = &[
    image::missing_from_image::RULE,
    image::differs_from_image::RULE,
    image::hidden_by_mount::RULE,
    image::code_only_by_mount::RULE,
    image::file_not_found_at_run_time::RULE,
    image::environment_missing::RULE,
    image::state_lost_on_replacement::RULE,
    image::secret_in_image::RULE,
    image::dev_server_in_prod::RULE,
    image::mutable_tag::RULE,
    image::wrong_architecture::RULE,
    hosts::service_host_in_source::RULE,
    hosts::service_host_in_environment::RULE,
    hosts::service_lookup_failed::RULE,
    hosts::docker_only_host::RULE,
    hosts::loopback_only_listener::RULE,
    hosts::host_from_hostname::RULE,
    probes::probe_differs::RULE,
    probes::probe_failed::RULE,
    task::port_clash::RULE,
    task::host_port_differs::RULE,
    task::refused_on_fargate::RULE,
    task::invalid_task_size::RULE,
    task::out_of_memory::RULE,
    task::ignores_stop_signal::RULE,
    task::essential_container_exited::RULE,
    task::start_order_race::RULE,
    task::image_healthcheck_ignored::RULE,
    task::health_command_fails::RULE,
    task::essential_container_unhealthy::RULE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_in_the_order_of_their_codes_and_named_once() {
        let codes: Vec<&str> = RULES.iter().map(|rule| rule.info.code).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        let mut names: Vec<&str> = RULES.iter().map(|rule| rule.info.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_rule_is_named_after_the_defect_in_kebab_case() {
        for rule in RULES {
            let name = rule.info.name;
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{name}"
            );
            for cure in ["use-", "no-", "avoid-", "should-"] {
                assert!(!name.starts_with(cure), "{name} names a cure");
            }
        }
    }
}
