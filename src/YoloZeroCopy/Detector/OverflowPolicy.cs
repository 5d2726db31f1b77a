using System.ComponentModel;

namespace YoloZeroCopy;

/// <summary>What happens when frames come faster than they can be handled.</summary>
[TypeConverter(typeof(NamedValueConverter<OverflowPolicy>))]
public enum OverflowPolicy
{
    /// <summary>
    /// Nothing is dropped: <see cref="YoloDetector.RentAsync"/> waits until a slot is free, so the producer slows down. For files and tests.
    /// </summary>
    Wait,

    /// <summary>A frame that is submitted while <see cref="DetectorOptions.QueueCapacity"/> frames of its source wait is dropped.</summary>
    DropNewest,

    /// <summary>The frame of its source that has waited longest makes room, so that what is handled is fresh. For live cameras.</summary>
    DropOldest,
}
