// What `import DeepEP` gives: the types that model code and training programs are written with.
@_exported import DeepEPCommunication
@_exported import DeepEPCompute
@_exported import DeepEPElements
@_exported import DeepEPModels
@_exported import DeepEPOptimizers
@_exported import DeepEPStorage
@_exported import DeepEPTensors
@_exported import DeepEPTraining
@_exported import DeepEPTransforms
