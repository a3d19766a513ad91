import DeepEPEvents
import FoundationEssentials
import Glibc

/// Joining the job that this process was started for.
package enum Job {
  /// Joins the job of the environment, and returns when all its ranks have.
  ///
  /// Without a launcher's variables the process is a job of its own, with one rank.
  ///
  /// - Parameters:
  ///   - variables: of the process.
  ///   - notice: told what a person should know.
  /// - Throws: ``CommunicationError``: a variable that makes no sense, a port that is taken, a hub that is not
  ///   there or refuses this rank, a rank that does not come.
  package static func join(
    _ variables: [String: String] = ProcessInfo.processInfo.environment,
    limits: JobLimits = JobLimits(), notice: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> any JobControl {
    guard let environment = try JobEnvironment.read(variables) else {
      return LocalJobControl.job(hosts: [1])[0]
    }
    return try join(environment, limits: limits, notice: notice)
  }

  /// Joins a job.
  package static func join(
    _ environment: JobEnvironment, limits: JobLimits = JobLimits(),
    notice: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> any JobControl {
    try environment.checkSecret()
    let hub =
      environment.needsHub && environment.rank == 0
      ? try hub(for: environment, limits, notice) : nil
    let entrance = Entrance(environment, limits, hub?.address)
    do {
      let (membership, socket, early) = try entrance.join()
      return try RankControl(
        membership, socket, early: early, hub: hub,
        hubName: environment.needsHub ? membership.name(of: 0) : "the launcher",
        restart: environment.restart,
        reportStragglers: environment.reportsStragglers ? notice : nil, limits: limits)
    } catch {
      hub?.stop()
      throw error
    }
  }

  private static func hub(
    for environment: JobEnvironment, _ limits: JobLimits,
    _ notice: @escaping @Sendable (String) -> Void
  ) throws -> ControlHub {
    var failures: [CommunicationError] = []
    let notices = try Notices(notice)
    for address in environment.isOneHost ? ["127.0.0.1"] : environment.addresses {
      do {
        return try ControlHub(
          jobName: environment.jobName, token: environment.token,
          rankCount: environment.rankCount, address: address, port: environment.port,
          limits: limits
        ) { notices.add($0) }
      } catch let error as CommunicationError {
        failures.append(error)
      }
    }
    var error = failures.first ?? CommunicationError("no address", at: "rank 0", fix: "name one")
    error.fix += "; DEEPEP_ADDRESS and DEEPEP_PORT, the same for all ranks, choose others"
    throw error
  }
}
