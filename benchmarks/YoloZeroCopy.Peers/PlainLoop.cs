namespace YoloZeroCopy.Peers;

/// <summary>Letterbox, bilinear sampling and conversion by the loop that one writes first.</summary>
internal static class PlainLoop
{
    public static void Fill(Frame frame, in Letterbox letterbox, float[] tensor)
    {
        const int Size = YoloOutput.InputSize;
        const int Plane = Size * Size;
        Array.Fill(tensor, Letterbox.Border / 255f);
        for (int y = 0; y < letterbox.Height; y++)
        {
            float sourceY = Math.Clamp(((y + 0.5f) / letterbox.Scale) - 0.5f, 0, frame.Height - 1);
            int top = (int)sourceY;
            int bottom = Math.Min(top + 1, frame.Height - 1);
            float down = sourceY - top;
            for (int x = 0; x < letterbox.Width; x++)
            {
                float sourceX = Math.Clamp(((x + 0.5f) / letterbox.Scale) - 0.5f, 0, frame.Width - 1);
                int left = (int)sourceX;
                int right = Math.Min(left + 1, frame.Width - 1);
                float across = sourceX - left;
                int target = ((letterbox.Top + y) * Size) + letterbox.Left + x;
                for (int channel = 0; channel < 3; channel++)
                {
                    float above = Mix(At(frame, left, top, channel), At(frame, right, top, channel), across);
                    float below = Mix(At(frame, left, bottom, channel), At(frame, right, bottom, channel), across);
                    tensor[((2 - channel) * Plane) + target] = Mix(above, below, down) / 255f;
                }
            }
        }
    }

    private static byte At(Frame frame, int x, int y, int channel) => frame.Pixels[(((y * frame.Width) + x) * 3) + channel];

    private static float Mix(float one, float other, float share) => one + ((other - one) * share);
}
