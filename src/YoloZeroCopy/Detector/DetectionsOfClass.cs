namespace YoloZeroCopy;

/// <summary>The detections of one class in a result: <c>foreach</c> goes through them.</summary>
/// <remarks>A window on the result's memory, not to be used once that is disposed. Nothing is allocated or copied.</remarks>
public ref struct DetectionsOfClass
{
    private readonly ReadOnlySpan<Detection> all;
    private readonly int classId;
    private int place;

    internal DetectionsOfClass(ReadOnlySpan<Detection> all, int classId)
    {
        this.all = all;
        this.classId = classId;
        place = -1;
    }

    /// <summary>The detection that <c>foreach</c> is at.</summary>
    public readonly ref readonly Detection Current => ref all[place];

    /// <summary>How many there are. Looks at each detection.</summary>
    public readonly int Count
    {
        get
        {
            int count = 0;
            foreach (ref readonly Detection detection in all)
            {
                count += detection.ClassId == classId ? 1 : 0;
            }

            return count;
        }
    }

    /// <summary>For <c>foreach</c>, which begins at the first one.</summary>
    public readonly DetectionsOfClass GetEnumerator() => new(all, classId);

    /// <summary>Goes to the next one; false when there is none.</summary>
    public bool MoveNext()
    {
        while (++place < all.Length)
        {
            if (all[place].ClassId == classId)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Copies them into an array.</summary>
    public readonly Detection[] ToArray()
    {
        Detection[] found = new Detection[Count];
        int count = 0;
        foreach (ref readonly Detection detection in this)
        {
            found[count++] = detection;
        }

        return found;
    }
}
