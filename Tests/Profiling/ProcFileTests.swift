import DeepEPEvents
import Glibc
import Testing

/// What the kernel tells is heard to its end.
@Suite struct ProcFileTests {
  @Test func aLongTextIsWhole() throws {
    // Neighbours of other protections stay apart, each with a line of its own.
    let areas = (0..<300).map { number in
      mmap(nil, 4096, number % 2 == 0 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    }
    defer { for area in areas { munmap(area, 4096) } }
    let text = ProcFile.text("/proc/self/maps")
    #expect(text.split(separator: "\n").count > 300 && text.hasSuffix("\n"))
    #expect(text.contains("[stack]"))
  }

  @Test func whatIsNotThereIsEmpty() {
    #expect(ProcFile.text("/proc/self/nothing") == "")
  }
}
