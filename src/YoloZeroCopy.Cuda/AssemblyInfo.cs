using System.Runtime.CompilerServices;

// Every native signature here is blittable: no marshalling stub may be made, and none is.
[assembly: DisableRuntimeMarshalling]
