import DeepEPCommunication
import DeepEPElements
import Testing

/// The flight recorder keeps the last operations, whoever writes and reads at the same time.
@Suite struct FlightRecorderTests {
  @Test func theLastOperationsAreKept() {
    let recorder = FlightRecorder()
    #expect(recorder.recent() == [])
    for number in 0..<100 {
      let token = recorder.begin(
        "reduce-scatter", sequenceNumber: number, byteCount: number * 8, element: .bfloat16,
        reduction: .maximum, root: number % 2 == 0 ? nil : number, group: 3)
      if number != 99 { recorder.end(token) }
    }
    let records = recorder.recent()
    #expect(records.map(\.sequenceNumber) == Array(100 - FlightRecorder.capacity..<100))
    #expect(records.map(\.endedSecondsAgo).firstIndex(of: nil) == FlightRecorder.capacity - 1)
    let last = recorder.recent(1)[0]
    #expect(
      last.operationText == "reduce-scatter 99 (792 bytes, bfloat16, maximum, root 99, group 3)")
    #expect(last.text.hasPrefix("in reduce-scatter 99 "), "\(last.text)")
    #expect(records[0].text.contains(" ended 0."), "\(records[0].text)")
    #expect(recorder.beginCount == 100)
  }

  @Test func anEndThatComesTooLateChangesNothing() {
    let recorder = FlightRecorder()
    let token = recorder.begin("barrier", sequenceNumber: 0)
    for number in 1...FlightRecorder.capacity {
      _ = recorder.begin("barrier", sequenceNumber: number)
    }
    recorder.end(token)
    #expect(recorder.recent().allSatisfy { $0.endedSecondsAgo == nil })
  }

  @Test(arguments: ElementType.allCases)
  func attributesAreReadAsTheyWereWritten(_ element: ElementType) {
    let recorder = FlightRecorder()
    for reduction in CollectiveReduction.allCases {
      _ = recorder.begin("send", sequenceNumber: 1, element: element, reduction: reduction, root: 0)
      let record = recorder.recent(1)[0]
      #expect(record.element == element && record.reduction == reduction && record.root == 0)
    }
  }

  /// A torn record would have a name, a number and a size that do not belong together.
  @Test func readersSeeWholeRecords() throws {
    let recorder = FlightRecorder()
    let torn = try LocalGroup.run(rankCount: 3) { communicator in
      var tornCount = 0
      for number in 0..<20_000 {
        if communicator.rank == 2 {
          for record in recorder.recent() where record.sequenceNumber * 8 != record.byteCount {
            tornCount += 1
          }
        } else {
          recorder.end(
            recorder.begin("send", sequenceNumber: number, byteCount: number * 8, root: number))
        }
      }
      return tornCount
    }
    #expect(torn == [0, 0, 0])
  }
}
