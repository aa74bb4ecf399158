//===- Cores.cpp - How many cores a process may use -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Cores.h. Formats: cgroups(7), and "CPU" in the kernel's documents of
// cgroup-v2 and of the CFS bandwidth control.
//
//===----------------------------------------------------------------------===//

#include "core/Cores.h"

#include <algorithm>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <thread>

using namespace sterna;

namespace {

/// Time that a group may use in each period, both in microseconds.
struct Quota {
  double time = 0;
  double period = 0;
};

/// Version 2: "max 100000" or "150000 100000".
std::optional<Quota> readQuota(const std::string &folder) {
  std::ifstream file(folder + "/cpu.max");
  Quota quota;
  if (file >> quota.time >> quota.period && quota.time > 0 && quota.period > 0)
    return quota;
  return std::nullopt;
}

/// Version 1: a file each; no limit is a time of -1.
std::optional<Quota> readQuotaOfVersion1(const std::string &folder) {
  std::ifstream time(folder + "/cpu.cfs_quota_us");
  std::ifstream period(folder + "/cpu.cfs_period_us");
  Quota quota;
  if (time >> quota.time && period >> quota.period && quota.time > 0 &&
      quota.period > 0)
    return quota;
  return std::nullopt;
}

/// A line of /proc/self/cgroup, "3:cpu,cpuacct:/group" or, for version 2,
/// "0::/group".
struct Membership {
  std::string controllers;
  std::string group;
};

std::optional<Membership> parseMembership(const std::string &line) {
  size_t first = line.find(':');
  size_t second = line.find(':', first + 1);
  if (first == std::string::npos || second == std::string::npos)
    return std::nullopt;
  return Membership{line.substr(first + 1, second - first - 1),
                    line.substr(second + 1)};
}

bool hasController(const std::string &controllers, const std::string &wanted) {
  std::stringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');)
    if (name == wanted)
      return true;
  return false;
}

} // namespace

std::optional<unsigned> sterna::coresOfControlGroup(const std::string &root) {
  std::optional<unsigned> cores;
  auto limit = [&](const std::optional<Quota> &quota) {
    if (!quota)
      return;
    double count = std::min(quota->time / quota->period, 1e6);
    unsigned rounded = unsigned(count) + (count > unsigned(count) ? 1 : 0);
    cores = std::min(cores.value_or(rounded), std::max(rounded, 1u));
  };
  std::ifstream memberships(root + "/proc/self/cgroup");
  for (std::string line; std::getline(memberships, line);) {
    std::optional<Membership> membership = parseMembership(line);
    bool isUnified = membership && membership->controllers.empty();
    if (!membership ||
        (!isUnified && !hasController(membership->controllers, "cpu")))
      continue;
    std::string top = root + "/sys/fs/cgroup";
    if (!isUnified)
      top += "/" + membership->controllers;
    // A container may see its own group as the top, whatever its name is.
    for (std::string group = membership->group;;
         group.erase(group.find_last_of('/'))) {
      limit(isUnified ? readQuota(top + group)
                      : readQuotaOfVersion1(top + group));
      if (group.find('/') == std::string::npos)
        break;
    }
  }
  return cores;
}

unsigned sterna::availableCores() {
  unsigned cores = std::thread::hardware_concurrency();
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
    cores = unsigned(CPU_COUNT(&set));
  cores = std::min(cores, coresOfControlGroup().value_or(cores));
#endif
  return std::max(cores, 1u);
}
