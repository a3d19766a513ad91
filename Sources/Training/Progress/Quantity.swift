/// How durations, sizes and rates are shown to people.
package enum Quantity {
  /// A duration by its two largest units: 8s, 4m10s, 2h05m, 3d04h; below 10 s with one decimal.
  package static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e15 else { return "?" }
    if seconds < 9.95 { return "\(fixed(seconds, 1))s" }
    let whole = Int(seconds.rounded())
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60)
    if days > 0 { return "\(days)d\(twoDigits(hours))h" }
    if hours > 0 { return "\(hours)h\(twoDigits(minutes))m" }
    return minutes > 0 ? "\(minutes)m\(twoDigits(whole % 60))s" : "\(whole)s"
  }

  /// A number of bytes in binary units: 512B, 1.5KiB, 377MiB.
  package static func bytes(_ count: Int) -> String {
    var (value, unit) = (Double(max(0, count)), 0)
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while value >= 1023.5, unit + 1 < units.count { (value, unit) = (value / 1024, unit + 1) }
    return fixed(value, unit > 0 && value < 9.95 ? 1 : 0) + units[unit]
  }

  /// A number with three significant digits, or all before the point: 2310, 142, 3.14.
  package static func number(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return value.isNaN ? "nan" : "\(value)" }
    let size = abs(value)
    return fixed(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0)
  }

  /// A whole number in groups of three digits: 1,310,000.
  package static func count(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    let groups = digits.enumerated().map { index, digit in
      index > 0 && (digits.count - index) % 3 == 0 ? ",\(digit)" : "\(digit)"
    }
    return (number < 0 ? "-" : "") + groups.joined()
  }

  /// `value` with a fixed number of digits after the point; "nan" and "inf" as they are.
  package static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
    let scale = (0..<digits).reduce(1) { product, _ in product * 10 }
    let scaled = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    let fraction = String(scaled % scale)
    let zeros = String(repeating: "0", count: max(0, digits - fraction.count))
    return "\(sign)\(scaled / scale)" + (digits > 0 ? ".\(zeros)\(fraction)" : "")
  }

  private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
