/// Slurm's short form of lists of hosts: "n[01-03,7],login".
package enum SlurmNodeList {
  /// The first host; nil of an empty list.
  package static func first(of list: String) -> String? {
    var name = ""
    var isInBrackets = false
    var isSkipped = false
    for character in list {
      switch character {
      case "[": isInBrackets = true
      case "]": (isInBrackets, isSkipped) = (false, false)
      case "," where !isInBrackets: return name.isEmpty ? nil : name
      // Of "[01-03,7]" only what comes before the first of these is part of the first name.
      case "-" where isInBrackets, "," where isInBrackets: isSkipped = true
      default: if !isSkipped { name.append(character) }
      }
    }
    return name.isEmpty ? nil : name
  }
}
